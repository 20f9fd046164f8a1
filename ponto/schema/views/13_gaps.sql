-- Numbers of devices that are missing, or came twice.

create or replace function lacunas_recebidas(de date, ate date)
returns table (
    dispositivo text, situacao text, numero_inicial bigint, numero_final bigint, quantas bigint, ponto_antes timestamptz,
    ponto_depois timestamptz, desde timestamptz
)
language sql stable parallel safe
begin atomic
    with recursive
    -- Every device, each by a jump through the index to the next; of some days only, this is empty.
    nome as (
        select min(dispositivo) as dispositivo from batida where sequencia is not null and de = '-infinity'
        union all
        select (
            select min(dispositivo) from batida where sequencia is not null and batida.dispositivo > nome.dispositivo
        )
        from nome
        where dispositivo is not null
    ),
    aparelho as (
        select dispositivo, 1::bigint as menor, 9223372036854775807 as maior
        from nome
        where dispositivo is not null
        union all
        select dispositivo, min(sequencia), max(sequencia)
        from batida
        where de > '-infinity'
            and sequencia is not null
            and dispositivo is not null
            -- By `select`, so that it is computed once and not for every row.
            and recebida_em >= (select de::timestamp at time zone fuso_padrao())
            and recebida_em < (select (ate + 1)::timestamp at time zone fuso_padrao())
        group by dispositivo
    ),
    -- Device by device, of the index alone: a row of another id is another row, so that a number which stands twice came
    -- twice. From the last number before those of the days, or from the first that there can be.
    achado as (
        select distinct dispositivo, sequencia, anterior
        from aparelho
            cross join lateral (
                select sequencia, lag(sequencia, 1, 0) over (order by sequencia) as anterior
                from batida
                where batida.dispositivo = aparelho.dispositivo
                    and sequencia <= maior
                    and sequencia >= coalesce(
                        (
                            select sequencia
                            from batida
                            where batida.dispositivo = aparelho.dispositivo and sequencia < menor
                            order by sequencia desc
                            limit 1
                        ),
                        1
                    )
            ) as numero
        where sequencia >= menor and sequencia - anterior <> 1
    ),
    -- What the rows of that number say of it. Repeated numbers in a row that came equally often have the same `trecho`.
    visto as (
        select
            *,
            sequencia - row_number() over (partition by dispositivo, sequencia = anterior, vezes order by sequencia)
            as trecho
        from achado
            cross join lateral (
                select
                    count(*) as vezes,
                    min(ponto) as primeira,
                    max(ponto) as ultima,
                    case when achado.sequencia = anterior then max(recebida_em) else min(recebida_em) end as desde
                from batida
                where batida.dispositivo = achado.dispositivo and batida.sequencia = achado.sequencia
            ) as numeradas
        where numeradas.desde >= (select de::timestamp at time zone fuso_padrao())
            and numeradas.desde < (select (ate + 1)::timestamp at time zone fuso_padrao())
    )
    select
        dispositivo,
        'faltam',
        anterior + 1,
        sequencia - 1,
        sequencia - 1 - anterior,
        (select max(ponto) from batida where batida.dispositivo = visto.dispositivo and batida.sequencia = anterior),
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

create or replace view lacunas as select * from lacunas_recebidas('-infinity', 'infinity');

comment on function lacunas_recebidas is
    'Numbers (sequencia) that are missing or came twice, as far as what came from de to ate shows it, by the stage''s '
    'days, with the columns of the view lacunas';
comment on view lacunas is
    'Numbers (sequencia) of devices that are missing, and those that came twice under other ids, as from a cloned device';
comment on column lacunas.dispositivo is 'Device, as it calls itself';
comment on column lacunas.situacao is 'faltam: no row has these numbers; repetida: several rows have each of these numbers';
comment on column lacunas.numero_inicial is 'The first of the numbers';
comment on column lacunas.numero_final is 'The last of them';
comment on column lacunas.quantas is 'faltam: how many are missing; repetida: how many rows have each number';
comment on column lacunas.ponto_antes is
    'faltam: when the number before was punched; null: there is none; repetida: the earliest of the rows; an instant';
comment on column lacunas.ponto_depois is
    'faltam: when the number after was punched; repetida: the latest of the rows; an instant';
comment on column lacunas.desde is
    'When it showed: faltam: the number after was received; repetida: the last of the rows was; an instant';

revoke execute on function lacunas_recebidas from public;
grant execute on function lacunas_recebidas to ponto_reader;
grant select on lacunas to ponto_reader;
