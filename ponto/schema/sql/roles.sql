-- name: owned_objects
-- Objects of roles, in this database and of all databases. Those in temporary schemas end with their session.
select refobjid::regrole as owner, pg_describe_object(classid, objid, objsubid) as object
from pg_shdepend
where deptype = 'o'
    and refobjid = any(%(roles)s::regrole[])
    and dbid in (0, (select oid from pg_database where datname = current_database()))
    and ((pg_identify_object(classid, objid, objsubid)).schema ~ '^pg_temp') is not true
order by 1, 2

-- name: owned_elsewhere
-- Numbers of objects of roles in other databases, whose names only these can tell.
select refobjid::regrole, format('%%s objects in database %%I', count(*), datname)
from pg_shdepend join pg_database on pg_database.oid = dbid and datname <> current_database()
where deptype = 'o' and refobjid = any(%(roles)s::regrole[])
group by refobjid, datname
order by refobjid::regrole, datname

-- name: role_problems
-- Reasons why existing roles with the names of this project, which no migration created, cannot be taken over: one row each,
-- with a description and the remedy. The creator of a role may have kept a way to use it.
with unknown_role as (
    select *
    from pg_roles
    where rolname = any(%(names)s::name[])
        and not exists (select from ponto.migracao_papel where nome = rolname and migracao_papel.oid = pg_roles.oid)
),
problem (line, remedy) as ( -- the remedy is null if another copy of the project uses the role
    select distinct
        format('%%I is used in database %%I of %%s', rolname, datname, datdba::regrole),
        null
    from unknown_role
        join pg_shdepend on refobjid = unknown_role.oid and refclassid = 'pg_authid'::regclass
        join pg_database on pg_database.oid = dbid and datname <> current_database()
    where datdba <> quote_ident(current_user)::regrole
    union all
    -- A function with SECURITY DEFINER would run with the role's privileges.
    select
        format('%%I owns %%s', rolname, object),
        case dbid
            when 0 then format('alter %%s owner to %%I', object, current_user)
            else format('drop owned by %%I', rolname)
        end
    from unknown_role
        join pg_shdepend on refobjid = unknown_role.oid and deptype = 'o'
        cross join lateral pg_describe_object(classid, objid, objsubid) as object
    where dbid in (0, (select oid from pg_database where datname = current_database()))
    union all
    select
        format(
            '%%1$I owns %%2$s objects in database %%3$I, listed there by: '
            'select pg_describe_object(classid, objid, objsubid) from pg_shdepend join pg_database on pg_database.oid = dbid '
            'where datname = current_database() and deptype = ''o'' and refobjid = ''%%1$I''::regrole',
            rolname, count(*), datname
        ),
        format('drop owned by %%I /* in database %%I */', rolname, datname)
    from unknown_role
        join pg_shdepend on refobjid = unknown_role.oid and deptype = 'o'
        join pg_database on pg_database.oid = dbid and datname <> current_database()
    group by rolname, datname
    union all
    select
        format(
            '%%s is a member of %%I%%s',
            member::regrole,
            unknown_role.rolname,
            case when admin_option then ' and may add other members' end
        ),
        case
            -- PostgreSQL granted this membership to the role's creator, who alone can revoke it.
            when grantor = 10 and admin_option and not inherit_option and not set_option
                then format('drop owned by %%1$I; drop role %%1$I', unknown_role.rolname)
            else format('revoke %%I from %%s granted by %%s cascade', unknown_role.rolname, member::regrole, grantor::regrole)
        end
    from unknown_role
        join pg_auth_members on roleid = unknown_role.oid
        join pg_roles as member_role on member_role.oid = member and not member_role.rolsuper
    where quote_ident(current_user)::regrole not in (member, grantor)
    union all
    -- A session that is open would get the privileges, although the role loses its password.
    select
        format('%%I has an open session in this database, pid %%s', rolname, pid),
        format('alter role %%I nologin; select pg_terminate_backend(%%s)', rolname, pid)
    from unknown_role
        join pg_stat_activity on usesysid = unknown_role.oid and datname = current_database()
    union all
    select
        format('%%I is a member of %%s', rolname, roleid::regrole),
        format('revoke %%s from %%I', roleid::regrole, rolname)
    from unknown_role
        join pg_auth_members on member = unknown_role.oid
    where roleid::regrole::text <> 'rds_iam'
    union all
    select
        format('%%I has attributes that a function''s role must not have', rolname),
        format('alter role %%I nosuperuser nocreaterole nocreatedb noreplication nobypassrls', rolname)
    from unknown_role
    where rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls
)
select line, coalesce(remedy, 'set ROLE_PREFIX in ponto/shared/sql_names.py, so that this copy of the project uses other roles')
from problem
where remedy is null or not exists (select from problem where remedy is null)
order by 1

-- name: roles_without_password
-- Only a superuser can see whether a role has a password.
select rolname from pg_authid where rolpassword is null

-- name: create_roles
-- Create missing roles without a password, so that they cannot log in until one is set. A role that existed loses its
-- password, which its creator may know. A role whose slice was added again can log in again.
with declared as (
    select
        input.*,
        case when pg_roles.oid is null then 'create' else 'alter' end as action,
        rolcanlogin is distinct from (kind = 'login') as has_other_login,
        pg_roles.oid is not null and nome is null and role <> all(%(without_password)s::name[]) as has_password
    from jsonb_to_recordset(%(roles)s) as input (role name, kind text, slice text)
        left join pg_roles on rolname = role
        left join ponto.migracao_papel on nome = role and migracao_papel.oid = pg_roles.oid
)
select
    format('%%s role %%I %%s%%s', action, role, kind, case when has_password then ' password null' end),
    case when has_password then format('role %%s already existed: its password was removed', role) end
from declared
where has_other_login or has_password
order by 1

-- name: record_roles
insert into ponto.migracao_papel as recorded (nome, fatia, oid)
select role, slice, pg_roles.oid
from jsonb_to_recordset(%(roles)s) as input (role name, slice text) join pg_roles on rolname = role
on conflict (nome) do update set fatia = excluded.fatia, oid = excluded.oid
where (recorded.fatia, recorded.oid) <> (excluded.fatia, excluded.oid)

-- name: update_role_logins
-- Allow every declared role to connect, in case CONNECT was revoked from PUBLIC; allow the owner to SET ROLE to the reader;
-- and prevent roles of removed slices from logging in and connecting until their slice is added again. A role that another
-- database uses, such as that of another stage, can still log in.
with recorded as (
    select pg_roles.*, nome in (select role from jsonb_to_recordset(%(roles)s) as input (role text)) as is_declared
    from ponto.migracao_papel join pg_roles on rolname = nome and pg_roles.oid = migracao_papel.oid
    where starts_with(nome, %(prefix)s)
)
select format('grant connect on database %%I to %%I', current_database(), rolname), null
from recorded
where is_declared and not has_database_privilege(oid, current_database(), 'connect')
union all
select format('grant ponto_reader to %%I', current_user), null
where not pg_has_role('ponto_reader', 'set')
union all
select format('alter role %%I nologin', rolname), null
from recorded
where not is_declared
    and rolcanlogin
    and not exists (
        select
        from pg_shdepend join pg_database on pg_database.oid = dbid and datname <> current_database()
        where refobjid = recorded.oid and refclassid = 'pg_authid'::regclass
    )
union all
select distinct format('revoke all on database %%I from %%I', current_database(), rolname), null
from recorded
    join pg_database on datname = current_database()
    join aclexplode(datacl) on grantee = recorded.oid
where not is_declared

-- name: role_members
-- Other roles that have a function's privileges by membership. Roles without login and ponto_reader are left out, because
-- people may be members of them.
select format(
    '%%s is a member of %%I and so has the privileges of that function; to revoke them, run: revoke %%2$I from %%1$s',
    member::regrole,
    pg_roles.rolname
)
from ponto.migracao_papel
    join pg_roles on pg_roles.rolname = nome and pg_roles.oid = migracao_papel.oid
    join pg_auth_members on roleid = pg_roles.oid
where rolcanlogin and nome <> 'ponto_reader' and member <> quote_ident(current_user)::regrole
order by 1

-- name: slices_by_role
-- Roles of this project, quoted for SQL, and the slice of each.
select format('%%I', nome), fatia
from ponto.migracao_papel join pg_roles on rolname = nome and pg_roles.oid = migracao_papel.oid
where starts_with(nome, %(prefix)s)

-- name: limit_roles
-- Limit the connections of the functions' roles, and reset the session defaults that they have set. Every role may set its own
-- defaults, so a search_path set by an attacker who took over a function would outlive the attacker's sessions.
-- Only a superuser, or a user with the SET privilege, can limit temporary files, so an existing limit is kept.
--
-- Statements are generated only for differences. A normal deploy alters nothing: it needs no privilege to alter roles, and
-- does not conflict with concurrent deploys.
with limited as (
    select pg_roles.*, value::int as connections
    from jsonb_each_text(%(limits)s) join pg_roles on rolname = key
),
setting as (
    select
        rolname, setdatabase, entry,
        (setdatabase <> 0 or entry !~ '^temp_file_limit=')
            and not exists ( -- those stay that only a superuser may reset
                select
                from pg_settings
                where lower(name) = lower(split_part(entry, '=', 1))
                    and context <> 'user'
                    and not has_parameter_privilege(name, 'set')
            ) as is_foreign
    from pg_db_role_setting
        join limited on limited.oid = setrole
        left join pg_database on pg_database.oid = setdatabase
        cross join unnest(setconfig) as entry
    where setdatabase = 0 or datname = current_database()
)
select format('alter role %%I connection limit %%s', rolname, connections), null
from limited
where rolconnlimit <> connections
union all
select format('alter role %%s reset all', place), format('settings reset: %%s', place)
from setting
    cross join lateral (
        select format(case setdatabase when 0 then '%%I' else '%%I in database %%I' end, rolname, current_database())
    ) as role (place)
group by place
having bool_or(is_foreign)
union all
select
    format(
        'alter role ponto_reader set temp_file_limit = %%L',
        coalesce(max(split_part(entry, '=', 2)) filter (where not is_foreign), '4GB')
    ),
    null
from limited left join setting on setting.rolname = limited.rolname and setdatabase = 0
where limited.rolname = 'ponto_reader' and has_parameter_privilege('temp_file_limit', 'set')
group by limited.rolname
having bool_or(is_foreign) is not false
order by 1 -- "reset all" before "set temp_file_limit"

-- name: set_login_method
-- Make the functions' roles log in with IAM tokens, or with passwords. RDS lets direct and indirect members of rds_iam log in
-- with tokens only. Old passwords are removed, so that they do not become valid again later. Statements are generated only for
-- differences.
with member as (
    select grantor, pg_roles.*
    from pg_roles left join pg_auth_members on member = pg_roles.oid and roleid = to_regrole('rds_iam')
    where rolname = any(%(roles)s::name[])
)
select format('grant rds_iam to %%1$I; alter role %%1$I password null', rolname), format('logs in with IAM tokens: %%I', rolname)
from member
where %(uses_iam)s and grantor is null
union all
select
    string_agg(format('revoke rds_iam from %%I granted by %%s', rolname, grantor::regrole), '; '),
    format('logs in with a password: %%I', rolname)
from member
where not %(uses_iam)s and grantor is not null
group by rolname
order by 2

-- name: indirect_iam
-- Roles through which the functions' roles are still members of rds_iam: one row each, with the statement that revokes it.
select
    format('%%s is a member of %%s, which has rds_iam', member::regrole, roleid::regrole),
    format('revoke %%s from %%s', roleid::regrole, member::regrole)
from pg_auth_members join pg_roles on pg_roles.oid = member
where rolname = any(%(roles)s::name[]) and pg_has_role(roleid, to_regrole('rds_iam'), 'member')
order by 1
