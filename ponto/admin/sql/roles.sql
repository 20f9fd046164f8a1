-- Limit the connections of the functions' roles, and take back the settings that they made for themselves: every role may
-- alter those of its own sessions, so that a search_path would outlive the sessions of whoever took a function over.
-- Only a superuser, or who was given the right, may limit temporary files: what stands there stays.
do $$
declare
    wanted record;
    limits constant jsonb := %(limits)s; -- by role; null: as it is
    roles constant text := (select string_agg(key, ', ' order by key) from jsonb_each(limits));
    here constant text := format('in database %%I', current_database());
begin
    for wanted in
        select
            pg_roles.oid,
            rolname as role,
            coalesce(connections, rolconnlimit) as connections,
            rolconnlimit as before,
            (
                select array_agg(setting)
                from pg_db_role_setting cross join unnest(setconfig) as setting
                where setrole = pg_roles.oid and setdatabase = 0 and setting !~ '^temp_file_limit='
            ) as own,
            (
                select split_part(setting, '=', 2)
                from pg_db_role_setting cross join unnest(setconfig) as setting
                where setrole = pg_roles.oid and setdatabase = 0 and setting ~ '^temp_file_limit='
            ) as files
        from (
            select key as role, value::int as connections from jsonb_each_text(limits)
        ) as given
            join pg_roles on rolname = role
        order by rolname -- notices in one order, whatever the plan
    loop
        -- Only what differs: a deploy alters nothing, needs no right to, and does not collide with another one.
        if wanted.before <> wanted.connections then
            execute format('alter role %%I connection limit %%s', wanted.role, wanted.connections);
        end if;
        if wanted.own is not null then
            execute format('alter role %%I reset all', wanted.role);
            raise notice 'settings reset: %%', wanted.role;
        end if;
        if wanted.role = 'ponto_reader'
            and (wanted.files is null or wanted.own is not null)
            and has_parameter_privilege('temp_file_limit', 'set')
        then
            execute format('alter role %%I set temp_file_limit = %%L', wanted.role, coalesce(wanted.files, '4GB'));
        end if;
        if exists (
            select
            from pg_db_role_setting join pg_database on pg_database.oid = setdatabase
            where setrole = wanted.oid and datname = current_database()
        ) then
            execute format('alter role %%I %%s reset all', wanted.role, here);
            raise notice 'settings reset: %% %%', wanted.role, here;
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
