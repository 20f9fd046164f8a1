-- Forget the files that are gone.
delete from ponto.migracao_repetivel where nome <> all(%(kept)s::text[])
