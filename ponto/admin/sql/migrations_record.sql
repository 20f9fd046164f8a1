insert into %(schema)s.migracao (nome, checksum) values (%(name)s, %(checksum)s)
