-- Until the end of the transaction nobody adds a trigger or a foreign key to the tables, or only to those of the migrations.
-- Inserts go on.
do $$
declare
    name text;
begin
    for name in
        select format('%%I.%%I', nspname, relname)
        from pg_class join pg_namespace on pg_namespace.oid = relnamespace
        where nspname = %(schema)s and relkind in ('r', 'p') and (%(all)s or relname like 'migracao%%')
        order by 1
    loop
        execute format('lock table only %%s in row exclusive mode', name);
    end loop;
end
$$
