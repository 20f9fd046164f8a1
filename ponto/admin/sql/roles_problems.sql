-- Why these roles, which others created, cannot be taken over: a line each, and the statement that ends it. Who created a role
-- may have kept a way to use it.
with own as (
    select oid from pg_roles where rolname = current_user
),
unknown_role as (
    select * from pg_roles where rolname = any(%(names)s::name[])
)
select distinct
    format('%%I is used in database %%I of %%s', unknown_role.rolname, datname, datdba::regrole),
    null
from unknown_role
    join pg_shdepend on refobjid = unknown_role.oid and refclassid = 'pg_authid'::regclass
    join pg_database on pg_database.oid = dbid and datname <> current_database()
    join own on datdba <> own.oid
union all
select
    format('%%s is a member of %%I%%s', member::regrole, unknown_role.rolname, case when admin_option then ' and may make others so' else '' end),
    case
        -- Of the creator, by PostgreSQL itself: nobody else can revoke it.
        when grantor = 10 and admin_option and not inherit_option and not set_option
            then format('drop owned by %%1$I; drop role %%1$I', unknown_role.rolname)
        else format('revoke %%I from %%s granted by %%s cascade', unknown_role.rolname, member::regrole, grantor::regrole)
    end
from unknown_role
    join pg_auth_members on roleid = unknown_role.oid
    join own on member <> own.oid and grantor <> own.oid
    join pg_roles as member_role on member_role.oid = member and not member_role.rolsuper
union all
select
    format('%%I is a member of %%s', unknown_role.rolname, roleid::regrole),
    format('revoke %%s from %%I', roleid::regrole, unknown_role.rolname)
from unknown_role
    join pg_auth_members on member = unknown_role.oid
where roleid::regrole::text <> 'rds_iam'
union all
select
    format('%%I may do more than a role of functions', unknown_role.rolname),
    format('alter role %%I nosuperuser nocreaterole nocreatedb noreplication nobypassrls', unknown_role.rolname)
from unknown_role
where unknown_role.rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls
order by 1
