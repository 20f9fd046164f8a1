-- The peak, minute by minute.

create or replace function ponto.minuto_de(instante timestamptz) returns timestamptz
language sql immutable parallel safe
return date_bin('1 minute', instante, 'epoch');

comment on function ponto.minuto_de is
    'An instant truncated to the minute of UTC, which is also the minute of all current time zones';

-- In hours, because a day may have another length in the session's time zone.
create or replace function ponto.fila_desde(de timestamptz) returns timestamptz
language sql stable parallel safe
return ponto.minuto_de(de) - interval '1440 hours';

comment on function ponto.fila_desde is
    'Earliest receipt, 60 days before de, of punches that pico() counts in the queue';

create or replace function ponto.pico(de timestamptz, ate timestamptz) returns setof ponto.minuto_do_pico
language sql stable parallel safe
begin atomic
    with punched as (
        select ponto.minuto_de(ponto) as minuto, count(*) as batidas
        from ponto.batida
        where ponto >= ponto.minuto_de(de) and ponto < ponto.minuto_de(ate) and usuario_id <> ponto.usuario_reservado()
        group by 1
    ),
    -- The queue is counted at the end of each minute, so a punch that was written in the minute of its receipt is not
    -- in it.
    received as (
        select
            ponto.minuto_de(recebida_em) as minuto,
            count(*) as recebidas,
            count(*) filter (where ponto.minuto_de(recebida_em) < ponto.minuto_de(gravada_em)) as entram
        from ponto.batida
        where recebida_em >= ponto.minuto_de(de) and recebida_em < ponto.minuto_de(ate) and usuario_id <> ponto.usuario_reservado()
        group by 1
    ),
    written as (
        select
            ponto.minuto_de(gravada_em) as minuto,
            count(*) as gravadas,
            -- The same lower bound as below: a punch that was not counted in the queue must not be subtracted from it.
            count(*) filter (
                where ponto.minuto_de(recebida_em) < ponto.minuto_de(gravada_em) and recebida_em > ponto.fila_desde(de)
            ) as saem,
            max(gravada_em - recebida_em) as idade
        from ponto.batida
        where gravada_em >= ponto.minuto_de(de) and gravada_em < ponto.minuto_de(ate) and usuario_id <> ponto.usuario_reservado()
            and recebida_em is not null -- without punches copied from the first version's table
        group by 1
    )
    select
        minuto,
        coalesce(batidas, 0)::int,
        coalesce(recebidas, 0)::int,
        coalesce(gravadas, 0)::int,
        (
            (
                select count(*)
                from ponto.batida
                where recebida_em < ponto.minuto_de(de) and gravada_em >= ponto.minuto_de(de) and usuario_id <> ponto.usuario_reservado()
                    -- The lower bound makes this query fast for old days. A redriven dead letter keeps its time of
                    -- receipt, and the queues keep messages for at most 14 days.
                    and recebida_em > ponto.fila_desde(de)
            )
            + sum(coalesce(entram, 0) - coalesce(saem, 0)) over (order by minuto)
        )::int,
        idade
    from generate_series(ponto.minuto_de(de), ponto.minuto_de(ate) - interval '1 minute', '1 minute') as minuto
        left join punched using (minuto)
        left join received using (minuto)
        left join written using (minuto)
    order by minuto;
end;

comment on function ponto.pico is
    'All minutes from that of de up to, but not including, that of ate. Punches copied from the first version count only as '
    'batidas';
