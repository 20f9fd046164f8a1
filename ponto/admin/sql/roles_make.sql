-- Create the roles that are declared and do not exist, without a password: nobody signs in with one until it is set. Roles
-- that are declared no more, of slices that are gone, may not sign in; they come back with their slice. Roles belong to
-- the whole server: another database on it may be creating them.
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
        select given.*, rolname is null as is_missing, rolcanlogin, role = any(%(unknown)s::name[]) as is_unknown
        from jsonb_to_recordset(%(roles)s) as given (role name, kind text, slice text)
            left join pg_roles on rolname = role
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
