-- Limit the connections of the functions' roles, and take back the settings that they made for themselves: every role may
-- alter those of its own sessions, so that a search_path would outlive the sessions of whoever took a function over.
-- Only a superuser, or who was given the right, may limit temporary files: what stands there stays.
do $$
declare
    wanted record;
    is_altered boolean; -- by the role itself
    files text;
    limits constant jsonb := %(limits)s; -- by role; null: as it is
    roles constant text := (select string_agg(key, ', ' order by key) from jsonb_each(limits));
    here constant text := format('in database %%I', current_database());
begin
    for wanted in
        select
            rolname as role,
            rolconnlimit <> value::int as is_other_limit,
            value as connections,
            everywhere.setconfig as settings,
            there.setconfig is not null as is_altered_here
        from jsonb_each_text(limits)
            join pg_roles on rolname = key
            cross join (select oid as this from pg_database where datname = current_database()) as ours
            left join pg_db_role_setting as everywhere on (everywhere.setrole, everywhere.setdatabase) = (pg_roles.oid, 0)
            left join pg_db_role_setting as there on (there.setrole, there.setdatabase) = (pg_roles.oid, this)
        order by rolname -- notices in one order, whatever the plan
    loop
        -- Only what differs: a deploy alters nothing, needs no right to, and does not collide with another one.
        if wanted.is_other_limit then
            execute format('alter role %%I connection limit %%s', wanted.role, wanted.connections);
        end if;
        is_altered := exists (select from unnest(wanted.settings) as setting where setting !~ '^temp_file_limit=');
        if is_altered then
            execute format('alter role %%I reset all', wanted.role);
            raise notice 'settings reset: %%', wanted.role;
        end if;
        files := (select split_part(given, '=', 2) from unnest(wanted.settings) as given where given ~ '^temp_file_limit=');
        if wanted.role = 'ponto_reader'
            and (files is null or is_altered)
            and has_parameter_privilege('temp_file_limit', 'set')
        then
            execute format('alter role %%I set temp_file_limit = %%L', wanted.role, coalesce(files, '4GB'));
        end if;
        if wanted.is_altered_here then
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
