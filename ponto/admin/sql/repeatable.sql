-- name: recorded_files
select nome, checksum, objetos from ponto.migracao_repetivel order by nome

-- name: existing_names
-- Which of these names an object of the schema has.
with here as (select oid from pg_namespace where nspname = %(schema)s)
select relname from pg_class join here on relnamespace = here.oid where relname = any(%(names)s::name[])
union
select proname from pg_proc join here on pronamespace = here.oid where proname = any(%(names)s::name[])
order by 1

-- name: forget_other_files
delete from ponto.migracao_repetivel where nome <> all(%(kept)s::text[])

-- name: record_file
insert into ponto.migracao_repetivel (nome, checksum, objetos) values (%(name)s, %(checksum)s, %(objects)s::text[])
on conflict (nome) do update set checksum = excluded.checksum, objetos = excluded.objetos, aplicada_em = default
