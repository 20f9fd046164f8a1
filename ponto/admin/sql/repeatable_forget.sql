delete from %(schema)s.migracao_repetivel
