-- name: privileges
-- Privileges of roles other than the owner on the schema and its objects, in the columns of the class Privilege.
with target_schema as (
    select oid, format('%%I', nspname) as name, nspowner, nspacl from pg_namespace where nspname = %(schema)s
),
relation as (
    select
        pg_class.oid, relowner, relacl,
        format('%%s %%s', case relkind when 'S' then 'sequence' else 'table' end, pg_class.oid::regclass) as name
    from pg_class join target_schema on relnamespace = target_schema.oid
    where relkind in ('r', 'p', 'v', 'm', 'f', 'S')
),
granted (object, privilege, grantee, is_grantable, owner) as (
    select 'schema ' || name, lower(privilege_type), grantee, is_grantable, nspowner from target_schema cross join aclexplode(nspacl)
    union all
    select name, lower(privilege_type), grantee, is_grantable, relowner from relation cross join aclexplode(relacl)
    union all
    select name, format('%%s (%%I)', lower(privilege_type), attname), grantee, is_grantable, relowner
    from relation join pg_attribute on attrelid = relation.oid cross join aclexplode(attacl)
    where not attisdropped
    union all
    -- If a function has no access list, PUBLIC has the default privilege EXECUTE.
    select format('%%s %%s', case prokind when 'p' then 'procedure' else 'function' end, pg_proc.oid::regprocedure), lower(privilege_type), grantee, is_grantable, proowner
    from pg_proc
        join target_schema on pronamespace = target_schema.oid
        cross join aclexplode(coalesce(proacl, acldefault('f', proowner)))
)
select
    name,
    role,
    format('grant %%s to %%s%%s', name, role, case when bool_or(is_grantable) then ' with grant option' end),
    format('revoke %%s from %%s cascade', name, role),
    privilege ~ '^select' or object ~ '^schema' and privilege = 'usage'
from granted
    cross join lateral format('%%s on %%s', privilege, object) as name
    cross join lateral (select case grantee when 0 then 'public' else grantee::regrole::text end) as grantee_name (role)
where grantee <> owner
group by object, privilege, name, role
order by object, privilege, role
