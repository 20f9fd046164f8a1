insert into migracao (nome, checksum) values (%(name)s, %(checksum)s)
