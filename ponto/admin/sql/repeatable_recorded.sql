select nome, checksum, objetos from migracao_repetivel order by nome
