-- The punches of the first version's table, copied. Their ids are those that the same punches derive when they are
-- sent again without one.

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

-- Copy the first version's punches. Its handler stored a redelivered message again: the same employee at the
-- same instant is the same punch. Its ponto is local time in the zone of this session, set by the migrator.
do $$
declare
    total bigint;
    possible bigint;
    copied bigint;
begin
    if to_regclass('batida_original') is null then
        return;
    end if;

    with original as (
        select
            usuario_id,
            ponto,
            -- Neither null nor infinite, and of the years that a client may send.
            coalesce(usuario_id > 0 and ponto >= '1900-01-01' and ponto < '3000-01-01', false) as is_punch
        from batida_original
    ),
    inserted as (
        insert into batida (id, usuario_id, ponto)
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
    into total, possible, copied
    from original;

    raise notice
        'batida_original: % rows, % punches copied, % repeats, % left out (no employee above 0, no time from 1900 to 2999)',
        total, copied, possible - copied, total - possible;
end
$$;

drop function pg_temp.derived_id;
