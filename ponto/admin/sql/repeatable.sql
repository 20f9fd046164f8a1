-- name: recorded_files
select nome, checksum, objetos from ponto.migracao_repetivel order by nome

-- name: existing_names
-- Which of these names an object of the schema has.
select relname from pg_class where relnamespace = to_regnamespace(%(schema)s) and relname = any(%(names)s::name[])
union
select proname from pg_proc where pronamespace = to_regnamespace(%(schema)s) and proname = any(%(names)s::name[])

-- name: forget_other_files
delete from ponto.migracao_repetivel where nome <> all(%(kept)s::text[])

-- name: record_file
insert into ponto.migracao_repetivel (nome, checksum, objetos) values (%(name)s, %(checksum)s, %(objects)s::text[])
on conflict (nome) do update set checksum = excluded.checksum, objetos = excluded.objetos, aplicada_em = default
