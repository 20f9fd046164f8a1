-- The punches of the first version's table, copied; that table stays as it is. Their ids are those that the same punches
-- derive when they are sent again without one.

-- As derive_id of ponto/derived_id.py; docs/derived-ids.md explains it.
create function pg_temp.derived_id(usuario_id bigint, instant timestamptz) returns uuid
language sql immutable strict as $$
    select encode(
        set_byte(set_byte(id, 6, get_byte(id, 6) & 15 | 128), 8, get_byte(id, 8) & 63 | 128), 'hex'
    )::uuid
    from (
        select
            substr(int8send(floor(extract(epoch from instant - '1899-12-31 00:00Z') * 1000)::bigint), 3)
            || substr(
                sha256(convert_to(
                    usuario_id || '|' || to_char(instant at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'UTF8'
                )),
                1,
                10
            )
    ) as derived (id)
$$;

-- Its handler stored a redelivered message again: the same employee at the same instant is the same punch. Its ponto is
-- local time in the zone of this session, which the migrations set.
do $$
declare
    original record;
    total bigint;
    possible bigint;
    copied bigint;
begin
    -- The first of this name on the search path that the owner's sessions begin with; before those of others.
    select pg_class.oid::regclass as name, relkind, relowner::regrole as owner, rolsuper or rolname = current_user as trusted
    into original
    from unnest(current_setting('ponto.search_path')::name[]) with ordinality as path (nspname, place)
        join pg_namespace using (nspname)
        join pg_class on relnamespace = pg_namespace.oid
        join pg_roles on pg_roles.oid = relowner
    where relname = 'batida' and pg_class.oid <> 'ponto.batida'::regclass
    order by rolsuper or rolname = current_user desc, place
    limit 1;
    if original is null or original.relkind <> 'r' or array(
        select attname || ' ' || format_type(atttypid, null)
        from pg_attribute
        where attrelid = original.name and attnum > 0 and not attisdropped
    ) @> array['id integer', 'usuario_id integer', 'ponto timestamp without time zone'] is not true then
        return;
    end if;
    if not original.trusted then
        raise notice 'the rows of % were not copied, because it belongs to %. If they are the first version''s: '
            'alter table % owner to %; drop schema ponto cascade; and run the migrations again',
            original.name, original.owner, original.name, quote_ident(current_user);
        return;
    end if;

    execute format(
        $copy$
            with original as (
                select
                    usuario_id,
                    ponto,
                    -- Neither null nor infinite, and of the years that a client may send.
                    coalesce(usuario_id > 0 and ponto >= '1900-01-01' and ponto < '3000-01-01', false) as is_punch
                from only %s
            ),
            inserted as (
                insert into ponto.batida (id, usuario_id, ponto)
                select
                    pg_temp.derived_id(usuario_id, ponto),
                    usuario_id,
                    ponto
                from (select distinct usuario_id, ponto::timestamptz as ponto from original where is_punch) as punch
                returning id
            )
            select
                count(*),
                count(*) filter (where is_punch),
                (select count(*) from inserted)
            from original
        $copy$,
        original.name
    )
    into total, possible, copied;

    raise notice '%: % rows, % punches copied, % repeats, % left out (no employee above 0, no time from 1900 to 2999)',
        original.name, total, copied, possible - copied, total - possible;
end
$$;

drop function pg_temp.derived_id;
