-- name: remember_search_path
-- Remember, to the end of the transaction, the schemas of the search path of the owner's sessions: the tables of this
-- project's first versions are in one of them.
set local search_path = default;
select pg_catalog.set_config('ponto.search_path', pg_catalog.current_schemas(false)::pg_catalog.text, true);
set local search_path = pg_catalog, pg_temp

-- name: create_schema
select 'create schema ponto', null where to_regnamespace(%(schema)s) is null

-- name: lock_tables
-- Until the end of the transaction no trigger or foreign key can be added to the tables; inserts go on.
select 'lock table only ' || string_agg(oid::regclass::text, ', only ' order by relname) || ' in row exclusive mode', null
from pg_class
where relnamespace = to_regnamespace(%(schema)s) and relkind in ('r', 'p') and (%(all)s or relname like 'migracao%%')
having count(*) > 0

-- name: schema_problems
-- What would let others change what the schema's owner runs: a line each, and the statement that ends it. Who may create
-- in the schema, what in it belongs to others, and what no migration makes at its tables: triggers, which run with the
-- rights of who writes a row; foreign keys of other tables, whose checks and casts run with those of the owner; rules;
-- row security, which hides rows; and tables that inherit, whose rows would be the table's.
--
-- A trigger NAME of a table calls the function TABLE_NAME of the schema, without a condition (NAME_insert and NAME_update
-- may share one). Names are unique, so no other one can be added.
with here as (
    select pg_namespace.oid, format('%%I', nspname) as name, nspowner, nspacl, quote_ident(current_user)::regrole as owner
    from pg_namespace
    where nspname = %(schema)s
),
relation as (
    select pg_class.oid, pg_class.oid::regclass::text as name, relname, relrowsecurity
    from pg_class join here on relnamespace = here.oid
),
object as (
    -- The server's first superuser owns what has no owner here.
    select member.classid, member.objid, coalesce(owned.refobjid, 10)::regrole as owner
    from here
        join pg_depend as member on member.refclassid = 'pg_namespace'::regclass and member.refobjid = here.oid
        left join pg_shdepend as owned
            on (owned.classid, owned.objid, owned.deptype) = (member.classid, member.objid, 'o')
            and owned.dbid = (select oid from pg_database where datname = current_database())
    where member.classid::regclass::text not in ( -- name the schema, but are not in it, and run nothing
            'pg_default_acl', 'pg_publication_namespace'
        )
        and not exists ( -- what belongs to a type
            select from pg_depend as part where (part.classid, part.objid, part.deptype) = (member.classid, member.objid, 'i')
        )
)
select
    format('schema %%s belongs to %%s', name, nspowner::regrole),
    format('alter schema %%s owner to %%s', name, owner)
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
select format('%%s %%s belongs to %%s', type, identity, object.owner), format('drop %%s %%s', type, identity)
from object
    join here on object.owner <> here.owner
    cross join lateral pg_identify_object(classid, objid, 0)
union all
select
    format('trigger %%I on %%s calls %%s', tgname, name, tgfoid::regprocedure),
    format('drop trigger %%I on %%s', tgname, name)
from pg_trigger
    join relation on tgrelid = relation.oid
    join pg_proc on pg_proc.oid = tgfoid
where not tgisinternal
    and not (
        pronamespace = (select oid from here)
        and proname in (relname || '_' || tgname, relname || '_' || regexp_replace(tgname, '_(insert|update)$', ''))
        and tgqual is null
    )
union all
select
    format('foreign key %%I of %%s refers to %%s', conname, conrelid::regclass, name),
    format('alter table %%s drop constraint %%I', conrelid::regclass, conname)
from pg_constraint join relation on confrelid = relation.oid
where contype = 'f' and conrelid not in (select oid from relation)
union all
select
    format('table %%s inherits from %%s', inhrelid::regclass, name),
    format('alter table %%s no inherit %%s', inhrelid::regclass, name)
from pg_inherits join relation on inhparent = relation.oid
union all
select format('rule %%I on %%s', rulename, name), format('drop rule %%I on %%s', rulename, name)
from pg_rewrite join relation on ev_class = relation.oid
where rulename <> '_RETURN'
union all
-- Without it a policy has no effect.
select format('row security of %%s', name), format('alter table %%s disable row level security', name)
from relation
where relrowsecurity
order by 1

-- name: find_punch
select from ponto.batida where id = %(id)s::uuid
