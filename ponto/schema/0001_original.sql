-- The table that this project's first version kept steps aside, by name only: every row stays as it was.

do $$
declare
    has constant text[] := array(
        select attname || ' ' || format_type(atttypid, null)
        from pg_attribute
        where attrelid = to_regclass('batida') and attnum > 0 and not attisdropped
    );
    key name;
begin
    if to_regclass('batida') is null then
        return;
    end if;
    if not has @> array['id integer', 'usuario_id integer', 'ponto timestamp without time zone'] then
        raise exception 'table batida exists, but it is not the one of the first version: %', has;
    end if;

    alter table batida rename to batida_original;
    -- Whatever it is called: the new table's is to have the usual name.
    select conname into key from pg_constraint where conrelid = 'batida_original'::regclass and contype = 'p';
    if key <> 'batida_original_pkey' then
        execute format('alter table batida_original rename constraint %I to batida_original_pkey', key);
    end if;
end
$$;
