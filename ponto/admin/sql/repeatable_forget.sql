-- Whoever is not among these files is gone.
delete from %(schema)s.migracao_repetivel where nome <> all(%(kept)s::text[])
