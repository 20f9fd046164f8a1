-- Numbers (sequencia) that devices give their punches.

-- Use it as `(select inicio_do_dia(...))`, which is evaluated once per statement and not for every row.
create or replace function ponto.inicio_do_dia(dia date) returns timestamptz
language sql stable parallel safe
return dia::timestamp at time zone ponto.fuso_padrao();

-- If de is -infinity, returns all devices with all possible numbers: the recursive query finds each device with one
-- search of the index.
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

-- Reads only the index. Rows with the same number have different ids, so a repeated number was received several times.
-- The scan starts at the number before primeiro, or at 1.
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

comment on function ponto.inicio_do_dia is 'Start of a day in the stage''s time zone';
comment on function ponto.numeros_recebidos is
    'Devices from which numbers (sequencia) were received from de to ate, by days in the stage''s time zone, with the '
    'lowest and the highest number';
comment on function ponto.saltos is
    'Numbers of a device from primeiro to ultimo that are not the previous number plus one';
