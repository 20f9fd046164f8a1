-- name: recorded_files
select nome, checksum, objetos from ponto.migracao_repetivel order by nome

-- name: existing_objects
-- Views, functions and types of the schema, named as in migracao_repetivel.objetos, and the statement that drops each.
select format('%%s %%s', kind, relname), format('drop %%s %%s', kind, pg_class.oid::regclass)
from pg_class join (values ('v'::"char", 'view'), ('c', 'type')) as recorded (relkind, kind) using (relkind)
where relnamespace = to_regnamespace(%(schema)s)
union all
select format('function %%s', proname), string_agg(format('drop function %%s', pg_proc.oid::regprocedure), '; ')
from pg_proc
where pronamespace = to_regnamespace(%(schema)s)
group by proname

-- name: delete_other_files
delete from ponto.migracao_repetivel where nome <> all(%(names)s::text[])

-- name: record_file
insert into ponto.migracao_repetivel (nome, checksum, objetos) values (%s, %s, %s::text[])
on conflict (nome) do update set checksum = excluded.checksum, objetos = excluded.objetos, aplicada_em = default
