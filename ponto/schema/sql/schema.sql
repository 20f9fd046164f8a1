-- name: create_schema
select 'create schema ponto', null where to_regnamespace(%(schema)s) is null

-- name: lock_tables
-- Lock the tables until the end of the transaction, so that no trigger or foreign key can be added. Inserts are not blocked.
select 'lock table only ' || string_agg(oid::regclass::text, ', only ' order by relname) || ' in row exclusive mode', null
from pg_class
where relnamespace = to_regnamespace(%(schema)s) and relkind in ('r', 'p') and (%(all_tables)s or relname like 'migracao%%')
having count(*) > 0

-- name: role_default
-- The statements that remove a default of the setting role, under which the session does not act as the role that signed in.
select format('alter database %%I reset role; alter role %%I reset role; alter role %%2$I in database %%1$I reset role', current_database(), session_user)
where current_user <> session_user

-- name: other_owner
-- The owner of the schema, if it is not the role that signed in.
select nspowner::regrole, quote_ident(current_user)
from pg_namespace
where nspname = %(schema)s and nspowner <> quote_ident(current_user)::regrole

-- name: schema_problems
-- Ways in which other users could run code as the schema's owner, or hide or add rows: one row each, with a description and
-- the statement that fixes it, or null if that names anything but the project's own objects.
--   * other roles that may create objects in the schema
--   * objects in it that belong to other roles, or the extensions that have them
--   * other roles' functions, types, operators and relations that the schema's constraints, defaults, indexes and views use
--   * triggers that no migration created; they run with the privileges of the role that writes a row
--   * disabled triggers
--   * foreign keys of other tables; their checks and casts run with the owner's privileges
--   * rules
--   * row security, which hides rows
--   * inheriting tables, whose rows would appear in the table
--
-- A migration's trigger NAME of the table TABLE calls the function TABLE_NAME of the schema, without a condition; NAME_insert
-- and NAME_update share TABLE_NAME_insert_update. Trigger names are unique per table, so another trigger that calls it is
-- impossible.
with recursive target_schema as (
    select pg_namespace.oid, format('%%I', nspname) as name, nspowner::regrole as owner, nspacl
    from pg_namespace
    where nspname = %(schema)s
),
relation as (
    select pg_class.oid, pg_class.oid::regclass::text as name, relname, relrowsecurity
    from pg_class join target_schema on relnamespace = target_schema.oid
),
object as (
    -- Objects without an owner in pg_shdepend belong to the bootstrap superuser (oid 10).
    select
        coalesce(extension.refclassid, member.classid) as classid,
        coalesce(extension.refobjid, member.objid) as objid,
        coalesce(ownership.refobjid, 10)::regrole as owner
    from target_schema
        join pg_depend as member on member.refclassid = 'pg_namespace'::regclass and member.refobjid = target_schema.oid
        left join pg_shdepend as ownership
            on (ownership.classid, ownership.objid, ownership.deptype) = (member.classid, member.objid, 'o')
            and ownership.dbid = (select oid from pg_database where datname = current_database())
        left join pg_depend as extension
            on (extension.classid, extension.objid, extension.deptype) = (member.classid, member.objid, 'e')
    where member.classid::regclass::text not in ( -- these refer to the schema, but are not objects in it, and run no code
            'pg_default_acl', 'pg_publication_namespace'
        )
        and not exists ( -- leave out objects that are internal to another, such as a table's row type
            select
            from pg_depend as internal
            where (internal.classid, internal.objid, internal.deptype) = (member.classid, member.objid, 'i')
        )
),
part (classid, objid) as ( -- objects in the schema, and what belongs to them, such as constraints, defaults and rules
    select classid, objid
    from pg_depend join target_schema on refclassid = 'pg_namespace'::regclass and refobjid = target_schema.oid
    union
    select pg_depend.classid, pg_depend.objid
    from part join pg_depend on (refclassid, refobjid) = (part.classid, part.objid)
    where deptype in ('a', 'i')
),
used (part_classid, part_objid, classid, objid) as ( -- what a part uses, directly or not
    select classid, objid, classid, objid from part
    union
    select part_classid, part_objid, refclassid, refobjid
    from used join pg_depend on (pg_depend.classid, pg_depend.objid) = (used.classid, used.objid)
)
select format('%%s may create objects in schema %%s', grantee_name, name), null
from target_schema
    cross join aclexplode(nspacl)
    cross join lateral (select case grantee when 0 then 'public' else grantee::regrole::text end) as role (grantee_name)
where privilege_type = 'CREATE' and grantee <> owner
union all
select distinct
    format('%%s %%s belongs to %%s', type, identity, object.owner),
    -- A function that only has the name of a project's one, beside it, may do anything if it belongs to the owner.
    case when classid = 'pg_proc'::regclass then (
        select format('alter routine %%s owner to %%s', objid::regprocedure, target_schema.owner)
        from pg_proc
        where pronamespace = target_schema.oid and proname = any(%(functions)s::name[])
        group by proname
        having array_agg(pg_proc.oid) = array[objid]
    ) end
from object
    join target_schema on object.owner <> target_schema.owner
    cross join lateral pg_identify_object(classid, objid, 0)
union all
select distinct format('%%s %%s uses %%s %%s of %%s', part.type, part.identity, object.type, object.identity, refobjid::regrole), null
from used
    join pg_shdepend using (classid, objid)
    join target_schema on refobjid <> target_schema.owner
    cross join lateral pg_identify_object(part_classid, part_objid, 0) as part
    cross join lateral pg_identify_object(classid, objid, 0) as object
where deptype = 'o'
    and dbid = (select oid from pg_database where datname = current_database())
    and classid::regclass::text in ('pg_proc', 'pg_type', 'pg_operator', 'pg_opclass', 'pg_opfamily', 'pg_class')
    and (classid, objid) not in (select classid, objid from part)
union all
select
    format('trigger %%I on %%s is disabled', tgname, name),
    case when not tgisinternal then format('alter table %%s enable trigger %%I', name, tgname) end
from pg_trigger join relation on tgrelid = relation.oid
where tgenabled <> 'O'
union all
select format('trigger %%I on %%s calls %%s', tgname, name, tgfoid::regprocedure), null
from pg_trigger
    join relation on tgrelid = relation.oid
    join pg_proc on pg_proc.oid = tgfoid
where not tgisinternal
    and not (
        pronamespace = (select oid from target_schema)
        and proname = relname || '_' || case
            when proname ~ '_insert_update$' then regexp_replace(tgname, '_(insert|update)$', '_insert_update')
            else tgname
        end
        and tgname !~ '_insert_update$'
        and tgqual is null
    )
union all
select format('foreign key %%I of %%s refers to %%s', conname, conrelid::regclass, name), null
from pg_constraint join relation on confrelid = relation.oid
where contype = 'f' and conrelid not in (select oid from relation)
union all
select format('table %%s inherits from %%s', inhrelid::regclass, name), null
from pg_inherits join relation on inhparent = relation.oid
union all
select format('rule %%I is defined on %%s', rulename, name), null
from pg_rewrite join relation on ev_class = relation.oid
where rulename <> '_RETURN'
union all
-- Policies need no separate check: they have no effect without row security.
select format('row security is enabled on %%s', name), format('alter table %%s disable row level security', name)
from relation
where relrowsecurity
order by 1

-- name: owner_notices
-- What else can run as the owner: members of the owner, and functions of the owner outside the schema.
select format('%%s is a member of the owner %%s, and can do everything that the owner can', member::regrole, roleid::regrole)
from pg_auth_members join pg_roles on pg_roles.oid = member
where roleid = quote_ident(current_user)::regrole and not rolsuper
group by member, roleid
union all
select format(
    'functions of the owner outside the schema, which may run with its privileges: %%s, such as %%s',
    count(*), array_to_string((array_agg(pg_proc.oid::regprocedure order by pg_proc.oid))[:5], ', ')
)
from pg_proc
where proowner = quote_ident(current_user)::regrole
    and pronamespace <> %(schema)s::regnamespace
    and pronamespace::regnamespace::text !~ '^(pg_|information_schema$)'
    and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = pg_proc.oid and deptype = 'e')
having count(*) > 0
order by 1

-- name: find_punch
select from ponto.batida where id = %(id)s::uuid
