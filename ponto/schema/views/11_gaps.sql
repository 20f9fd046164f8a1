-- Numbers of devices that are missing, or came twice.

create or replace function lacunas_recebidas(de date, ate date)
returns table (
    dispositivo text, situacao text, numero_inicial bigint, numero_final bigint, quantas bigint, ponto_antes timestamptz,
    ponto_depois timestamptz, desde timestamptz
)
language sql stable parallel safe
begin atomic
    with aparelho as (
        select dispositivo, min(sequencia) as menor, max(sequencia) as maior
        from batida
        where sequencia is not null
            and dispositivo is not null
            and recebida_em >= de::timestamp at time zone (select fuso_padrao())
            and recebida_em < (ate + 1)::timestamp at time zone (select fuso_padrao())
        group by dispositivo
    ),
    -- Of the index alone: a row of another id is another row, so that a number which stands twice came twice.
    numero as (
        select
            dispositivo,
            0::bigint as menor,
            sequencia,
            lag(sequencia, 1, 0) over (partition by dispositivo order by sequencia) as anterior
        from batida
        where sequencia is not null and dispositivo is not null and de = '-infinity'
        union all
        -- Of some days: from the last number before them, or from the first that there can be
        select
            dispositivo, menor, sequencia, lag(sequencia, 1, 0) over (partition by dispositivo order by sequencia)
        from aparelho
            cross join lateral (
                select sequencia
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
            ) as conhecida
        where de > '-infinity'
    ),
    achado as (
        select distinct dispositivo, sequencia, anterior
        from numero
        where sequencia >= menor and sequencia - anterior <> 1
    )
    select
        dispositivo,
        'faltam',
        anterior + 1,
        sequencia - 1,
        sequencia - 1 - anterior,
        (
            select max(ponto)
            from batida
            where batida.dispositivo = achado.dispositivo and batida.sequencia = anterior
        ),
        seguinte.ponto,
        seguinte.recebida_em
    from achado
        cross join lateral (
            select min(ponto) as ponto, min(recebida_em) as recebida_em
            from batida
            where batida.dispositivo = achado.dispositivo and batida.sequencia = achado.sequencia
        ) as seguinte
    where sequencia > anterior + 1
        and recebida_em >= de::timestamp at time zone (select fuso_padrao())
        and recebida_em < (ate + 1)::timestamp at time zone (select fuso_padrao())
    union all
    select dispositivo, 'repetida', sequencia, sequencia, vezes, copias.primeira, copias.ultima, recebida_em
    from achado
        cross join lateral (
            select
                count(*) as vezes, min(ponto) as primeira, max(ponto) as ultima, max(recebida_em) as recebida_em
            from batida
            where batida.dispositivo = achado.dispositivo and batida.sequencia = achado.sequencia
        ) as copias
    where sequencia = anterior
        and recebida_em >= de::timestamp at time zone (select fuso_padrao())
        and recebida_em < (ate + 1)::timestamp at time zone (select fuso_padrao())
    order by 1, 3, 2;
end;

create or replace view lacunas as select * from lacunas_recebidas('-infinity', 'infinity');

comment on function lacunas_recebidas is
    'Numbers (sequencia) that are missing or came twice, as far as what came from de to ate shows it, by the stage''s '
    'days, with the columns of the view lacunas';
comment on view lacunas is
    'Numbers (sequencia) of devices that are missing, and those that came twice under other ids, as from a cloned device';
comment on column lacunas.dispositivo is 'Device, as it calls itself';
comment on column lacunas.situacao is 'faltam: no row has these numbers; repetida: several rows have this number';
comment on column lacunas.numero_inicial is 'The first of the numbers';
comment on column lacunas.numero_final is 'The last of them; repetida: the same';
comment on column lacunas.quantas is 'faltam: how many are missing; repetida: how many rows have the number';
comment on column lacunas.ponto_antes is
    'faltam: when the number before was punched; null: there is none; repetida: the earliest of the rows; an instant';
comment on column lacunas.ponto_depois is
    'faltam: when the number after was punched; repetida: the latest of the rows; an instant';
comment on column lacunas.desde is
    'When it showed: faltam: the number after was received; repetida: the last of the rows was; an instant';

revoke execute on function lacunas_recebidas from public;
grant execute on function lacunas_recebidas to ponto_reports;
grant select on lacunas to ponto_reports;
