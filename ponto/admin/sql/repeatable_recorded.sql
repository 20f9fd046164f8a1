select nome, checksum, objetos from %(schema)s.migracao_repetivel order by nome
