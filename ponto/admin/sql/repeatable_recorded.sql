select nome, checksum, objetos from ponto.migracao_repetivel order by nome
