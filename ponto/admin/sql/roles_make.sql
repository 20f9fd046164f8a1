-- Make the roles that this database has not had yet, without a password: nobody signs in with one until it is set. The
-- roles of slices that are gone may not sign in any more; what they may do stays, for when the slice comes back.
-- Roles belong to the whole server: another database on it may have made them, or be making them.
do $$
declare
    wanted record;
    left_over constant name[] := array(
        select nome
        from %(schema)s.migracao_papel join pg_roles on rolname = nome
        where fatia <> all(%(slices)s)
            and nome not in (select role from jsonb_to_recordset(%(roles)s) as given (role text))
    );
    names constant text := array_to_string(
        array(select role from jsonb_to_recordset(%(roles)s) as given (role name)) || left_over, ', '
    );
begin
    for wanted in
        select *
        from jsonb_to_recordset(%(roles)s) as given (role name, kind text, slice text)
        where role not in (select nome from %(schema)s.migracao_papel)
            or not exists (select from pg_roles where rolname = role and (rolcanlogin or kind <> 'login'))
    loop
        begin
            if not exists (select from pg_roles where rolname = wanted.role) then
                execute format('create role %%I %%s', wanted.role, wanted.kind);
            end if;
        exception
            when duplicate_object or unique_violation then
                null; -- made meanwhile
        end;
        if wanted.kind = 'login' and exists (select from pg_roles where rolname = wanted.role and not rolcanlogin) then
            execute format('alter role %%I login', wanted.role); -- of a slice that was gone
        end if;
        -- PUBLIC has these unless somebody took them away.
        if not has_database_privilege(wanted.role, current_database(), 'connect') then
            execute format('grant connect on database %%I to %%I', current_database(), wanted.role);
        end if;
        if not has_schema_privilege(wanted.role, current_setting('ponto.schema'), 'usage') then
            execute format('grant usage on schema %%I to %%I', current_setting('ponto.schema'), wanted.role);
        end if;
        insert into %(schema)s.migracao_papel (nome, fatia) values (wanted.role, wanted.slice) on conflict do nothing;
    end loop;

    -- So that the owner can take on the reader's rights, and no more, for a session.
    if not pg_has_role('ponto_reader', 'set') then
        execute format('grant ponto_reader to %%I', current_user);
    end if;

    for wanted in select rolname from pg_roles where rolname = any(left_over) and rolcanlogin loop
        execute format('alter role %%I nologin', wanted.rolname);
    end loop;
    delete from %(schema)s.migracao_papel where fatia <> all(%(slices)s);
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
