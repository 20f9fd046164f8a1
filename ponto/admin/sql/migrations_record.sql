insert into ponto.migracao (nome, checksum) values (%(name)s, %(checksum)s)
