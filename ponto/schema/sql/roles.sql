-- name: existing_roles
-- Roles of this project on the server: the name, quoted for SQL, the slice, whether a slice declares the role, and whether the
-- owner created it for this database. That needs both proofs, because a dump carries the recorded oid to other servers, where
-- another role may have it:
--   * this database has recorded the role's oid
--   * PostgreSQL gave the owner the ADMIN option, as to whoever creates a role; otherwise only a superuser can give it so
select
    format('%%I', rolname),
    fatia,
    rolname = any(%(declared)s::name[]),
    coalesce(migracao_papel.oid = pg_roles.oid, false) and exists (
        select
        from pg_auth_members
        where roleid = pg_roles.oid and member = quote_ident(current_user)::regrole and grantor = 10 and admin_option
    )
from pg_roles left join ponto.migracao_papel on nome = rolname
where rolname = any(%(declared)s::name[]) or (nome is not null and starts_with(nome, %(prefix)s))
order by rolname

-- name: create_roles
-- Create missing roles without a password, so that they cannot log in until one is set. A role whose slice was added again can
-- log in again. PostgreSQL does not give a superuser the ADMIN option, which existing_roles needs.
select
    format(
        case
            when pg_roles.oid is not null then 'alter role %%1$I %%2$s'
            when current_setting('is_superuser') = 'on'
                then 'create role %%1$I %%2$s; grant %%1$I to %%3$I with admin option, inherit false, set false'
            else 'create role %%1$I %%2$s'
        end,
        role, kind, current_user
    ),
    null
from jsonb_to_recordset(%(roles)s) as declared (role name, kind text) left join pg_roles on rolname = role
where rolcanlogin is distinct from (kind = 'login')
order by 1

-- name: record_roles
insert into ponto.migracao_papel as recorded (nome, fatia, oid)
select role, slice, pg_roles.oid
from jsonb_to_recordset(%(roles)s) as declared (role name, slice text) join pg_roles on rolname = role
on conflict (nome) do update set fatia = excluded.fatia, oid = excluded.oid
where (recorded.fatia, recorded.oid) <> (excluded.fatia, excluded.oid)

-- name: update_role_logins
-- Allow every declared role to connect, in case CONNECT was revoked from PUBLIC; allow the owner to SET ROLE to the reader;
-- and prevent roles of removed slices from logging in and connecting until their slice is added again.
select format('grant connect on database %%I to %%I', current_database(), rolname), null
from pg_roles
where oid = any(%(declared)s::regrole[]) and not has_database_privilege(oid, current_database(), 'connect')
union all
select format('grant ponto_reader to %%I', current_user), null
where not pg_has_role('ponto_reader', 'set')
union all
select format('alter role %%I nologin', rolname), null
from pg_roles
where oid = any(%(removed)s::regrole[]) and rolcanlogin
union all
select distinct format('revoke all on database %%I from %%s', datname, grantee::regrole), null
from pg_database cross join aclexplode(datacl)
where datname = current_database() and grantee = any(%(removed)s::regrole[])

-- name: role_members
-- Other roles that have a function's privileges by membership, or may grant them. Roles without login and ponto_reader are left
-- out unless the member may grant them, because people may be members of them.
select format(
    '%%s is a member of %%s%%s. If you did not grant that, revoke it',
    member::regrole,
    roleid::regrole,
    case when bool_or(admin_option) then ' and may add members' else ' and so has the privileges of that function' end
)
from pg_auth_members join pg_roles on pg_roles.oid = roleid
where roleid = any(%(roles)s::regrole[])
    and member <> quote_ident(current_user)::regrole
    and (admin_option or rolcanlogin and rolname <> 'ponto_reader')
group by member, roleid
order by 1

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
        setdatabase = 0 and entry ~ '^temp_file_limit=' as is_limit,
        not exists (
            select
            from pg_settings
            where lower(name) = lower(split_part(entry, '=', 1))
                and context <> 'user'
                and not has_parameter_privilege(name, 'set')
        ) as can_reset
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
where can_reset and not is_limit
group by place
union all
select null, format('%%I has the setting %%s, which only a superuser can reset', rolname, split_part(entry, '=', 1))
from setting
where not can_reset and not is_limit
union all
select
    format(
        'alter role ponto_reader set temp_file_limit = %%L',
        coalesce(max(split_part(entry, '=', 2)) filter (where is_limit), '4GB')
    ),
    null
from limited left join setting on setting.rolname = limited.rolname and setdatabase = 0
where limited.rolname = 'ponto_reader' and has_parameter_privilege('temp_file_limit', 'set')
group by limited.rolname
having bool_or(can_reset and not is_limit) is not false
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
-- Roles through which the functions' roles are still members of rds_iam.
select format('%%s is a member of %%s, which has rds_iam', member::regrole, roleid::regrole)
from pg_auth_members join pg_roles on pg_roles.oid = member
where rolname = any(%(roles)s::name[]) and pg_has_role(roleid, to_regrole('rds_iam'), 'member')
order by 1
