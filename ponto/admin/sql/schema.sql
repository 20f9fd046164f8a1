-- name: remember_search_path
-- Remember, to the end of the transaction, the schemas of the search path of the owner's sessions: the tables of this
-- project's first versions are in one of them.
set local search_path = default;
select pg_catalog.set_config('ponto.search_path', pg_catalog.current_schemas(false)::pg_catalog.text, true);
set local search_path = pg_catalog, pg_temp

-- name: create_schema
do $$
begin
    if to_regnamespace(%(schema)s) is null then
        create schema ponto;
    end if;
exception
    when insufficient_privilege then
        raise exception '%% may not create schemas in this database. Nothing was changed.', current_user
        using
            errcode = 'insufficient_privilege',
            hint = format('As an administrator: create schema ponto authorization %%I. Then try again.', current_user);
end
$$

-- name: lock_tables
-- Until the end of the transaction nobody can add a trigger or a foreign key to the tables; inserts go on.
do $$
declare
    name text;
begin
    for name in
        select pg_class.oid::regclass
        from pg_class
        where relnamespace = to_regnamespace(%(schema)s) and relkind in ('r', 'p') and (%(all)s or relname like 'migracao%%')
        order by 1
    loop
        execute format('lock table only %%s in row exclusive mode', name);
    end loop;
end
$$

-- name: schema_problems
-- What would let others change what the schema's owner runs: a line each, and the statement that ends it. Who may create
-- in the schema, what in it belongs to others, and what no migration makes at its tables: triggers, which run with the
-- rights of who writes a row; foreign keys of other tables, whose checks and casts run with those of the owner; rules;
-- row security, which hides rows; and tables that inherit, whose rows would be the table's.
--
-- A trigger NAME of a table calls the function TABLE_NAME of the schema, without a condition (NAME_insert and NAME_update
-- may share one). Names are unique, so that nobody can add another.
with here as (
    select pg_namespace.oid, format('%%I', nspname) as name, nspowner, nspacl, pg_roles.oid as owner
    from pg_namespace cross join pg_roles
    where nspname = %(schema)s and rolname = current_user
),
relation as (
    select pg_class.oid, pg_class.oid::regclass::text as name, relkind, relowner, relrowsecurity
    from pg_class join here on relnamespace = here.oid
    where relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c')
),
object (classid, objid, owner) as (
    select 'pg_class'::regclass, oid, relowner from relation
    union all
    select 'pg_proc'::regclass, pg_proc.oid, proowner
    from pg_proc join here on pronamespace = here.oid
    where not exists ( -- a type's own
        select from pg_depend where classid = 'pg_proc'::regclass and objid = pg_proc.oid and deptype = 'i'
    )
    union all
    select 'pg_operator'::regclass, pg_operator.oid, oprowner from pg_operator join here on oprnamespace = here.oid
    union all
    select 'pg_type'::regclass, pg_type.oid, typowner
    from pg_type join here on typnamespace = here.oid
    where typtype in ('d', 'e', 'r', 'm')
)
select
    format('schema %%s belongs to %%s', name, nspowner::regrole),
    format('alter schema %%s owner to %%s', name, owner::regrole)
from here
where nspowner <> owner
union all
select
    format('%%s may create in schema %%s', grantee_name, name),
    format('revoke create on schema %%s from %%s', name, grantee_name)
from here
    cross join aclexplode(nspacl)
    cross join lateral (select case grantee when 0 then 'public' else grantee::regrole::text end) as named (grantee_name)
where privilege_type = 'CREATE' and grantee <> nspowner
union all
select
    format('%%s %%s belongs to %%s', object_type, identity, object.owner::regrole),
    format('drop %%s %%s', object_type, identity)
from object
    cross join here
    cross join lateral pg_identify_object(classid, objid, 0) as identified (object_type, object_schema, object_name, identity)
where object.owner <> here.owner
union all
select
    format('trigger %%I on %%s calls %%s', tgname, relation.name, tgfoid::regprocedure),
    format('drop trigger %%I on %%s', tgname, relation.name)
from pg_trigger
    join relation on tgrelid = relation.oid
    join pg_proc on pg_proc.oid = tgfoid
    cross join here
    join pg_class on pg_class.oid = tgrelid
where not tgisinternal
    and not (
        pronamespace = here.oid
        and proname in (relname || '_' || tgname, relname || '_' || regexp_replace(tgname, '_(insert|update)$', ''))
        and tgqual is null
    )
union all
select
    format('foreign key %%I of %%s refers to %%s', conname, conrelid::regclass, relation.name),
    format('alter table %%s drop constraint %%I', conrelid::regclass, conname)
from pg_constraint join relation on confrelid = relation.oid
where contype = 'f' and conrelid not in (select oid from relation)
union all
select
    format('table %%s inherits from %%s', inhrelid::regclass, relation.name),
    format('alter table %%s no inherit %%s', inhrelid::regclass, relation.name)
from pg_inherits join relation on inhparent = relation.oid
union all
select
    format('rule %%I on %%s', rulename, relation.name),
    format('drop rule %%I on %%s', rulename, relation.name)
from pg_rewrite join relation on ev_class = relation.oid
where rulename <> '_RETURN'
union all
select
    format('policy %%I on %%s', polname, relation.name),
    format('drop policy %%I on %%s', polname, relation.name)
from pg_policy join relation on polrelid = relation.oid
union all
select
    format('row security of %%s', name),
    format('alter table %%s disable row level security', name)
from relation
where relrowsecurity
order by 1

-- name: find_punch
select from ponto.batida where id = %(id)s::uuid
