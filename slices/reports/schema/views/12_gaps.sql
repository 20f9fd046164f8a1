-- Numbers of devices that are missing, or came twice.

create or replace function ponto.lacunas_recebidas(de date, ate date)
returns table (
    dispositivo text, situacao text, numero_inicial bigint, numero_final bigint, quantas bigint, ponto_antes timestamptz,
    ponto_depois timestamptz, desde timestamptz
)
language sql stable parallel safe
begin atomic
    -- What the rows of a number say of it. Repeated numbers in a row that came equally often have the same `trecho`.
    with visto as (
        select
            recebido.dispositivo, sequencia, anterior, numeradas.*,
            sequencia - row_number() over (
                partition by recebido.dispositivo, sequencia = anterior, vezes order by sequencia
            ) as trecho
        from ponto.numeros_recebidos(de, ate) as recebido
            cross join lateral ponto.saltos(recebido.dispositivo, primeiro, ultimo)
            cross join lateral (
                select
                    count(*) as vezes,
                    min(ponto) as primeira,
                    max(ponto) as ultima,
                    case when saltos.sequencia = anterior then max(recebida_em) else min(recebida_em) end as desde
                from ponto.batida
                where batida.dispositivo = recebido.dispositivo and batida.sequencia = saltos.sequencia
            ) as numeradas
        where numeradas.desde >= (select ponto.inicio_do_dia(de)) and numeradas.desde < (select ponto.inicio_do_dia(ate + 1))
    )
    select
        dispositivo,
        'faltam',
        anterior + 1,
        sequencia - 1,
        sequencia - 1 - anterior,
        (select max(ponto) from ponto.batida where batida.dispositivo = visto.dispositivo and batida.sequencia = anterior),
        primeira,
        visto.desde
    from visto
    where sequencia > anterior
    union all
    select dispositivo, 'repetida', min(sequencia), max(sequencia), vezes, min(primeira), max(ultima), max(visto.desde)
    from visto
    where sequencia = anterior
    group by dispositivo, vezes, trecho
    order by 1, 3, 2;
end;

create or replace view ponto.lacunas as select * from ponto.lacunas_recebidas('-infinity', 'infinity');

comment on function ponto.lacunas_recebidas is
    'Numbers (sequencia) that are missing or came twice, as far as what came from de to ate shows it, by the stage''s '
    'days, with the columns of the view lacunas';
comment on view ponto.lacunas is
    'Numbers (sequencia) of devices that are missing, and those that came twice under other ids, as from a cloned device';
comment on column ponto.lacunas.dispositivo is 'Device, as it calls itself';
comment on column ponto.lacunas.situacao is 'faltam: no row has these numbers; repetida: several rows have each of these numbers';
comment on column ponto.lacunas.numero_inicial is 'The first of the numbers';
comment on column ponto.lacunas.numero_final is 'The last of them';
comment on column ponto.lacunas.quantas is 'faltam: how many are missing; repetida: how many rows have each number';
comment on column ponto.lacunas.ponto_antes is
    'faltam: when the number before was punched; null: there is none; repetida: the earliest of the rows; an instant';
comment on column ponto.lacunas.ponto_depois is
    'faltam: when the number after was punched; repetida: the latest of the rows; an instant';
comment on column ponto.lacunas.desde is
    'When it showed: faltam: the number after was received; repetida: the last of the rows was; an instant';
