-- Missing and repeated numbers (sequencia) of devices.

create or replace function ponto.lacunas_recebidas(de date, ate date)
returns table (
    dispositivo text, situacao text, numero_inicial bigint, numero_final bigint, quantas bigint, ponto_antes timestamptz,
    ponto_depois timestamptz, desde timestamptz
)
language sql stable parallel safe
begin atomic
    -- A row per number at the end of a gap or received several times. Consecutive numbers that were received equally
    -- often have the same `trecho`.
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
    'Missing and repeated numbers (sequencia) that became visible by punches received from de to ate, by days in the '
    'stage''s time zone, with the columns of the view lacunas';
comment on view ponto.lacunas is
    'Missing numbers (sequencia) of devices, and numbers received several times under different ids, as from a cloned '
    'device';
comment on column ponto.lacunas.dispositivo is 'Name that the device sends';
comment on column ponto.lacunas.situacao is
    'faltam: no row has these numbers; repetida: several rows have each of these numbers';
comment on column ponto.lacunas.numero_inicial is 'First of the numbers';
comment on column ponto.lacunas.numero_final is 'Last of the numbers';
comment on column ponto.lacunas.quantas is
    'faltam: number of missing numbers; repetida: number of rows with each number';
comment on column ponto.lacunas.ponto_antes is
    'faltam: time of the punch with the number before, null if there is none; repetida: of the earliest row; an instant';
comment on column ponto.lacunas.ponto_depois is
    'faltam: time of the punch with the number after; repetida: of the latest row; an instant';
comment on column ponto.lacunas.desde is
    'When the gap or repeat became visible: faltam: receipt of the number after; repetida: receipt of the last row; an '
    'instant';
