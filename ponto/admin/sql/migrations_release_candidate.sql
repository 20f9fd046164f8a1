-- The schemas in which 1.0.0-rc.1, and what was before it, kept its migrations: without the oids of roles, which each other
-- intake has remembered since.
select format('%%I', nspname)
from unnest(current_setting('ponto.search_path')::name[]) as path (nspname)
    join pg_namespace using (nspname)
    join pg_class on relnamespace = pg_namespace.oid
where relname = 'migracao'
    and relowner in (select oid from pg_roles where rolname = current_user or rolsuper)
    and array['nome', 'checksum', 'aplicada_em']::name[] <@ array(
        select attname from pg_attribute where attrelid = pg_class.oid
    )
    and not exists (
        select
        from pg_attribute
        where attrelid = to_regclass(format('%%I.migracao_papel', nspname)) and attname = 'oid' and attnum > 0
    )
