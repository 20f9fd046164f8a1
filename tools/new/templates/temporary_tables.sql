-- Revoke the privilege TEMPORARY from PUBLIC, because temporary tables can fill the disk. If others use the database too, only
-- report it.

do $$$$
begin
    if not has_database_privilege('public', current_database(), 'temporary') then
        return;
    end if;
    if pg_has_role((select datdba from pg_database where datname = current_database()), 'usage')
        and not exists (
            select
            from pg_class
            where relkind in ('r', 'p', 'f')
                and relnamespace::regnamespace::text !~ '^(pg_|information_schema$$)'
                and relnamespace <> (select relnamespace from pg_class where oid = '$schema.$table'::regclass)
        )
    then
        execute format('revoke temporary on database %I from public', current_database());
    else
        raise notice '%', format(
            'every role can create temporary tables in database %1$$I, which others use too. If none of them needs '
            'that, run: revoke temporary on database %1$$I from public',
            current_database()
        );
    end if;
end
$$$$;
