-- Numbers that devices give their punches.

-- The stage's day. Computed once a statement by `(select inicio_do_dia(...))`, and not for every row.
create or replace function ponto.inicio_do_dia(dia date) returns timestamptz
language sql stable parallel safe
return dia::timestamp at time zone ponto.fuso_padrao();

-- Of all days every device, each by a jump through the index to the next, with all numbers that there can be.
create or replace function ponto.numeros_recebidos(de date, ate date)
returns table (dispositivo text, primeiro bigint, ultimo bigint)
language sql stable parallel safe
begin atomic
    with recursive nome as (
        select min(dispositivo) as dispositivo from ponto.batida where sequencia is not null and de = '-infinity'
        union all
        select (
            select min(dispositivo) from ponto.batida where sequencia is not null and batida.dispositivo > nome.dispositivo
        )
        from nome
        where dispositivo is not null
    )
    select dispositivo, 1, 9223372036854775807
    from nome
    where dispositivo is not null
    union all
    select dispositivo, min(sequencia), max(sequencia)
    from ponto.batida
    where de > '-infinity'
        and sequencia is not null
        and dispositivo is not null
        and recebida_em >= (select ponto.inicio_do_dia(de))
        and recebida_em < (select ponto.inicio_do_dia(ate + 1))
    group by dispositivo;
end;

-- Of the index alone: a row of another id is another row, so that a number which stands twice came twice. It begins with
-- the number before the first, or with the first that there can be.
create or replace function ponto.saltos(aparelho text, primeiro bigint, ultimo bigint)
returns table (sequencia bigint, anterior bigint)
language sql stable parallel safe
begin atomic
    select distinct sequencia, anterior
    from (
        select sequencia, lag(sequencia, 1, 0) over (order by sequencia) as anterior
        from ponto.batida
        where dispositivo = aparelho
            and sequencia <= ultimo
            and sequencia >= coalesce(
                (
                    select sequencia
                    from ponto.batida
                    where dispositivo = aparelho and sequencia < primeiro
                    order by sequencia desc
                    limit 1
                ),
                1
            )
    ) as numero
    where sequencia >= primeiro and sequencia - anterior <> 1;
end;

comment on function ponto.inicio_do_dia is 'When a day of the stage begins';
comment on function ponto.numeros_recebidos is
    'Devices from which numbers (sequencia) came from de to ate, by the stage''s days, and the first and last of these';
comment on function ponto.saltos is 'Numbers of a device from the first to the last that do not follow the number before by one';
