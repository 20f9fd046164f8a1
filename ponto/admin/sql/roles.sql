-- name: role_problems
-- Why roles of these names that others created cannot be taken over: a line each, and what ends it. The creator of a role
-- may have kept a way to use it. If another intake uses the roles, nothing is to be done about them.
with unknown_role as (
    select *
    from pg_roles
    where rolname = any(%(names)s::name[])
        and not exists (select from ponto.migracao_papel where nome = rolname and migracao_papel.oid = pg_roles.oid)
),
problem (line, remedy) as ( -- without a remedy: another intake uses the role
    select distinct
        format('%%I is used in database %%I of %%s', rolname, datname, datdba::regrole),
        null
    from unknown_role
        join pg_shdepend on refobjid = unknown_role.oid and refclassid = 'pg_authid'::regclass
        join pg_database on pg_database.oid = dbid and datname <> current_database()
    where datdba <> quote_ident(current_user)::regrole
    union all
    select
        format(
            '%%s is a member of %%I%%s',
            member::regrole,
            unknown_role.rolname,
            case when admin_option then ' and may make others so' end
        ),
        case
            -- PostgreSQL granted it to the creator, who alone can revoke it.
            when grantor = 10 and admin_option and not inherit_option and not set_option
                then format('drop owned by %%1$I; drop role %%1$I', unknown_role.rolname)
            else format('revoke %%I from %%s granted by %%s cascade', unknown_role.rolname, member::regrole, grantor::regrole)
        end
    from unknown_role
        join pg_auth_members on roleid = unknown_role.oid
        join pg_roles as member_role on member_role.oid = member and not member_role.rolsuper
    where quote_ident(current_user)::regrole not in (member, grantor)
    union all
    select
        format('%%I is a member of %%s', rolname, roleid::regrole),
        format('revoke %%s from %%I', roleid::regrole, rolname)
    from unknown_role
        join pg_auth_members on member = unknown_role.oid
    where roleid::regrole::text <> 'rds_iam'
    union all
    select
        format('%%I may do more than a role of functions', rolname),
        format('alter role %%I nosuperuser nocreaterole nocreatedb noreplication nobypassrls', rolname)
    from unknown_role
    where rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls
)
select line, coalesce(remedy, 'set ROLE_PREFIX in ponto/database_names.py, to give this intake other roles')
from problem
where remedy is null or not exists (select from problem where remedy is null)
order by 1

-- name: roles_without_password
-- Only a superuser sees whether a role has a password.
select rolname from pg_authid where rolpassword is null

-- name: create_roles
-- Roles are created without a password, so none can sign in until it is set. The creator of a role that existed may know
-- its password. A role whose slice has returned may sign in again.
with declared as (
    select
        given.*,
        case when pg_roles.oid is null then 'create' else 'alter' end as action,
        rolcanlogin is distinct from (kind = 'login') as is_other_kind,
        pg_roles.oid is not null and nome is null and role <> all(%(without_password)s::name[]) as has_password
    from jsonb_to_recordset(%(roles)s) as given (role name, kind text, slice text)
        left join pg_roles on rolname = role
        left join ponto.migracao_papel on nome = role and migracao_papel.oid = pg_roles.oid
)
select
    format('%%s role %%I %%s%%s', action, role, kind, case when has_password then ' password null' end),
    case when has_password then format('role %%s existed: its password was removed', role) end
from declared
where is_other_kind or has_password
order by 1

-- name: record_roles
insert into ponto.migracao_papel as known (nome, fatia, oid)
select role, slice, pg_roles.oid
from jsonb_to_recordset(%(roles)s) as given (role name, slice text) join pg_roles on rolname = role
on conflict (nome) do update set fatia = excluded.fatia, oid = excluded.oid
where (known.fatia, known.oid) <> (excluded.fatia, excluded.oid)

-- name: admit_roles
-- Every declared role may connect, which PUBLIC may unless that was revoked; the owner can take on the reader's rights, and
-- no more, for a session; and roles of slices that are gone may neither sign in nor connect until their slice returns.
with known as (
    select pg_roles.*, nome in (select role from jsonb_to_recordset(%(roles)s) as given (role text)) as is_declared
    from ponto.migracao_papel join pg_roles on rolname = nome and pg_roles.oid = migracao_papel.oid
    where starts_with(nome, %(prefix)s) -- whichever run wrote the row
)
select format('grant connect on database %%I to %%I', current_database(), rolname), null
from known
where is_declared and not has_database_privilege(oid, current_database(), 'connect')
union all
select format('grant ponto_reader to %%I', current_user), null
where not pg_has_role('ponto_reader', 'set')
union all
select format('alter role %%I nologin', rolname), null
from known
where not is_declared and rolcanlogin
union all
select distinct format('revoke all on database %%I from %%I', current_database(), rolname), null
from known
    join pg_database on datname = current_database()
    join aclexplode(datacl) on grantee = known.oid
where not is_declared

-- name: role_members
-- Other roles that may do what the functions' roles may. People are members of the remaining roles.
select format(
    '%%s is a member of %%I, and so may do what that function may; to end it: revoke %%2$I from %%1$s',
    member::regrole,
    pg_roles.rolname
)
from ponto.migracao_papel
    join pg_roles on pg_roles.rolname = nome and pg_roles.oid = migracao_papel.oid
    join pg_auth_members on roleid = pg_roles.oid
where rolcanlogin and nome <> 'ponto_reader' and member <> quote_ident(current_user)::regrole
order by 1

-- name: slices_by_role
-- Roles of this intake, as SQL writes their names, and the slice of each.
select format('%%I', nome), fatia
from ponto.migracao_papel join pg_roles on rolname = nome and pg_roles.oid = migracao_papel.oid
where starts_with(nome, %(prefix)s)

-- name: limit_roles
-- Limit the connections of the functions' roles, and reset their own settings: every role may change the defaults of its
-- sessions, so a search_path would outlive the sessions of an attacker who took over a function.
-- Only a superuser, or a user with the right, may limit temporary files: an existing limit stays.
--
-- Only what differs: a deploy alters nothing, needs no right to, and does not collide with another one.
with limited as (
    select pg_roles.*, value::int as connections
    from jsonb_each_text(%(limits)s) join pg_roles on rolname = key
),
setting as (
    select rolname, setdatabase, setting, setdatabase <> 0 or setting !~ '^temp_file_limit=' as is_foreign
    from pg_db_role_setting
        join limited on limited.oid = setrole
        left join pg_database on pg_database.oid = setdatabase
        cross join unnest(setconfig) as setting
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
    ) as of_role (place)
group by place
having bool_or(is_foreign)
union all
select
    format(
        'alter role ponto_reader set temp_file_limit = %%L',
        coalesce(max(split_part(setting, '=', 2)) filter (where not is_foreign), '4GB')
    ),
    null
from limited left join setting on setting.rolname = limited.rolname and setdatabase = 0
where limited.rolname = 'ponto_reader' and has_parameter_privilege('temp_file_limit', 'set')
group by limited.rolname
having bool_or(is_foreign) is not false
order by 1 -- a limit of files is set after it was reset

-- name: set_login
-- Let the functions' roles sign in by tokens of AWS's IAM, or by passwords again. RDS lets members of rds_iam, direct or
-- not, sign in by a token alone. Their old passwords are removed, so that they do not work again later. Only what differs.
with member as (
    select grantor, pg_roles.*
    from pg_roles left join pg_auth_members on member = pg_roles.oid and roleid = to_regrole('rds_iam')
    where rolname = any(%(roles)s::name[])
)
select format('grant rds_iam to %%1$I; alter role %%1$I password null', rolname), format('signs in by IAM: %%I', rolname)
from member
where %(uses_iam)s and grantor is null
union all
select
    string_agg(format('revoke rds_iam from %%I granted by %%s', rolname, grantor::regrole), '; '),
    format('signs in by password: %%I', rolname)
from member
where not %(uses_iam)s and grantor is not null
group by rolname
order by 2

-- name: indirect_iam
-- Roles through which the functions' roles still are members of rds_iam: a line each, and the statement that ends it.
select
    format('%%s is a member of %%s, which has rds_iam', member::regrole, roleid::regrole),
    format('revoke %%s from %%s', roleid::regrole, member::regrole)
from pg_auth_members join pg_roles on pg_roles.oid = member
where rolname = any(%(roles)s::name[]) and pg_has_role(roleid, to_regrole('rds_iam'), 'member')
order by 1
