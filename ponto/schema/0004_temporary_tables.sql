-- Temporary tables, which fill the disk, are everybody's right. Where the database is ours alone it goes.

do $$
begin
    if not has_database_privilege('public', current_database(), 'temporary') then
        return;
    end if;
    if pg_has_role((select datdba from pg_database where datname = current_database()), 'usage')
        and not exists (
            select
            from pg_class
            where relkind in ('r', 'p', 'f')
                and relnamespace::regnamespace::text !~ '^(pg_|information_schema$)'
                and relnamespace <> (select relnamespace from pg_class where oid = 'ponto.batida'::regclass)
                and not (relname = 'batida' and relowner::regrole::text = quote_ident(current_user)) -- the first version's
        )
    then
        execute format('revoke temporary on database %I from public', current_database());
    else
        raise notice '%', format(
            'everybody may make temporary tables in database %1$I, which others use too. '
            'If nothing else needs that: revoke temporary on database %1$I from public',
            current_database()
        );
    end if;
end
$$;
