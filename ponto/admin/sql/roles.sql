-- name: role_problems
-- Why roles of these names that others created cannot be taken over: a line each, and the statement that ends it. The
-- creator of a role may have kept a way to use it.
with own as (
    select oid from pg_roles where rolname = current_user
),
unknown_role as (
    select *
    from pg_roles
    where rolname = any(%(names)s::name[])
        and not exists (select from ponto.migracao_papel where nome = rolname and migracao_papel.oid = pg_roles.oid)
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

-- name: create_roles
-- Create missing roles without a password, so that nobody can sign in until it is set. Roles of slices that are gone may
-- not sign in until their slice returns. Roles belong to the server: another database may be creating them.
do $$
declare
    wanted record;
    has_password boolean;
    left_over constant name[] := array(
        select nome
        from ponto.migracao_papel join pg_roles on rolname = nome and pg_roles.oid = migracao_papel.oid
        where nome not in (select role from jsonb_to_recordset(%(roles)s) as given (role text))
            and starts_with(nome, %(prefix)s) -- whoever wrote the row
    );
    names constant text := array_to_string(
        array(select role from jsonb_to_recordset(%(roles)s) as given (role name)) || left_over, ', '
    );
begin
    for wanted in
        select given.*, rolname is null as is_missing, rolcanlogin, known.nome is null as is_unknown
        from jsonb_to_recordset(%(roles)s) as given (role name, kind text, slice text)
            left join pg_roles on rolname = role
            left join ponto.migracao_papel as known on known.nome = role and known.oid = pg_roles.oid
    loop
        if wanted.is_missing then
            begin
                execute format('create role %%I %%s', wanted.role, wanted.kind);
            exception
                when duplicate_object or unique_violation then
                    -- By another database: the next try looks at who created it.
                    raise lock_not_available using message = format('role %%I is being created', wanted.role);
            end;
        elsif wanted.is_unknown then
            -- Its creator may know the password. Only a superuser sees whether there is one.
            has_password := true;
            if current_setting('is_superuser') = 'on' then
                execute 'select rolpassword is not null from pg_authid where rolname = $1' into has_password using wanted.role;
            end if;
            execute format('alter role %%I %%s', wanted.role, wanted.kind);
            if has_password then
                execute format('alter role %%I password null', wanted.role);
                raise notice 'role %% existed: its password was removed', wanted.role;
            end if;
        elsif wanted.rolcanlogin <> (wanted.kind = 'login') then
            execute format('alter role %%I %%s', wanted.role, wanted.kind); -- of a slice that was gone, or altered by hand
        end if;
        -- PUBLIC has this unless it was revoked.
        if not has_database_privilege(wanted.role, current_database(), 'connect') then
            execute format('grant connect on database %%I to %%I', current_database(), wanted.role);
        end if;
        insert into ponto.migracao_papel as known (nome, fatia, oid)
        select wanted.role, wanted.slice, pg_roles.oid from pg_roles where rolname = wanted.role
        on conflict (nome) do update set fatia = excluded.fatia, oid = excluded.oid
        where (known.fatia, known.oid) <> (excluded.fatia, excluded.oid);
    end loop;

    -- So that the owner can take on the reader's rights, and no more, for a session.
    if not pg_has_role('ponto_reader', 'set') then
        execute format('grant ponto_reader to %%I', current_user);
    end if;

    for wanted in select rolname from pg_roles where rolname = any(left_over) and rolcanlogin loop
        execute format('alter role %%I nologin', wanted.rolname);
    end loop;
    for wanted in
        select distinct rolname
        from pg_database cross join aclexplode(datacl) join pg_roles on pg_roles.oid = grantee
        where datname = current_database() and rolname = any(left_over)
    loop
        execute format('revoke all on database %%I from %%I', current_database(), wanted.rolname);
    end loop;
exception
    when insufficient_privilege then
        raise exception '%% may not make the roles %%, or not use them: %%', current_user, names, sqlerrm
        using
            errcode = 'insufficient_privilege',
            hint = format(
                'As an administrator: alter role %%1$I createrole; and, where the roles exist already: '
                'grant %%2$s to %%1$I with admin option. Then try again.',
                current_user,
                names
            );
end
$$

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
    join pg_roles as member_role on member_role.oid = member
where pg_roles.rolcanlogin and nome <> 'ponto_reader' and member_role.rolname <> current_user
order by 1

-- name: slices_by_role
-- Roles of this intake, as SQL writes their names, and the slice of each.
select format('%%I', nome), fatia
from ponto.migracao_papel join pg_roles on rolname = nome and pg_roles.oid = migracao_papel.oid
where starts_with(nome, %(prefix)s)

-- name: limit_roles
-- Limit the connections of the functions' roles, and reset the settings that they made for themselves: every role may
-- alter those of its own sessions, so a search_path would outlive the sessions of an attacker who took over a function.
-- Only a superuser, or a user with the right, may limit temporary files: an existing limit stays.
do $$
declare
    wanted record;
    is_altered boolean; -- by the role itself
    file_limit text;
    limits constant jsonb := %(limits)s; -- by role; null: as it is
    roles constant text := (select string_agg(key, ', ' order by key) from jsonb_each(limits));
begin
    for wanted in
        select
            rolname as role,
            rolconnlimit <> value::int as is_other_limit,
            value as connections,
            setconfig as settings,
            coalesce(' in database ' || quote_ident(datname), '') as place
        from jsonb_each_text(limits)
            join pg_roles on rolname = key
            cross join (values (null), (current_database())) as scope (name)
            left join pg_database on datname = scope.name
            left join pg_db_role_setting on setrole = pg_roles.oid and setdatabase = coalesce(pg_database.oid, 0)
        order by rolname, place -- notices in one order, whatever the plan
    loop
        -- Only what differs: a deploy alters nothing, needs no right to, and does not collide with another one.
        if wanted.is_other_limit and wanted.place = '' then
            execute format('alter role %%I connection limit %%s', wanted.role, wanted.connections);
        end if;
        is_altered := exists (
            select from unnest(wanted.settings) as setting where setting !~ '^temp_file_limit=' or wanted.place <> ''
        );
        if is_altered then
            execute format('alter role %%I%%s reset all', wanted.role, wanted.place);
            raise notice 'settings reset: %%', wanted.role || wanted.place;
        end if;
        file_limit := (select split_part(setting, '=', 2) from unnest(wanted.settings) as setting where setting ~ '^temp_file_limit=');
        if wanted.role = 'ponto_reader'
            and wanted.place = ''
            and (file_limit is null or is_altered)
            and has_parameter_privilege('temp_file_limit', 'set')
        then
            execute format('alter role %%I set temp_file_limit = %%L', wanted.role, coalesce(file_limit, '4GB'));
        end if;
    end loop;
exception
    when insufficient_privilege then
        raise exception '%% may not alter the roles %%: %%', current_user, roles, sqlerrm
        using
            errcode = 'insufficient_privilege',
            hint = format(
                'As an administrator: alter role %%1$I createrole; grant %%2$s to %%1$I with admin option. Then try again.',
                current_user,
                roles
            );
end
$$

-- name: set_login
-- Let the functions' roles sign in by tokens of AWS's IAM, or by passwords again. RDS lets members of rds_iam, direct or
-- not, sign in by a token alone. Their old passwords are removed, so that they do not work again later.
do $$
declare
    wanted record;
    by_iam constant boolean := %(by_iam)s;
    roles constant text := array_to_string(%(roles)s::text[], ', ');
    remedy constant text := case when by_iam then 'alter role %%1$I createrole; grant rds_iam, %%2$s to %%1$I with admin option'
        else 'revoke rds_iam from %%2$s' end;
begin
    if by_iam and not exists (select from pg_roles where rolname = 'rds_iam') then
        raise exception 'there is no role rds_iam, so this is no RDS: set dbLogin to secret, and deploy';
    end if;
    for wanted in
        select rolname as role
        from pg_roles
        where rolname = any(%(roles)s::name[])
            and by_iam <> exists (
                select
                from pg_auth_members join pg_roles as granted on granted.oid = roleid
                where granted.rolname = 'rds_iam' and member = pg_roles.oid
            )
        order by rolname
    loop
        -- Only what differs, as in limit_roles.
        if by_iam then
            execute format('grant rds_iam to %%I', wanted.role);
            execute format('alter role %%I password null', wanted.role);
            raise notice 'signs in by IAM: %%', wanted.role;
        else
            execute format('revoke rds_iam from %%I', wanted.role);
            if pg_has_role(wanted.role, 'rds_iam', 'member') then -- by another grantor
                raise insufficient_privilege using message = format('%%I keeps rds_iam', wanted.role);
            end if;
            raise notice 'signs in by password: %%', wanted.role;
        end if;
    end loop;
exception
    when insufficient_privilege then
        raise exception '%% may not say how the roles %% sign in: %%', current_user, roles, sqlerrm
        using
            errcode = 'insufficient_privilege',
            hint = format('As an administrator: ' || remedy || '. Then try again.', current_user, roles);
end
$$
