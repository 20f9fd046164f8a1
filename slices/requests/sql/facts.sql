-- What the rules for a new request need: the employee's time zone, the instants of the time, and rows about employee and punch.
select
    fuso,
    case
        when %(local)s::timestamp is null then array_remove(array[%(instant)s::timestamptz], null)
        else ponto.instantes_locais(%(local)s::timestamp, fuso)
    end as instants,
    exists (select from ponto.funcionario where usuario_id = %(usuario_id)s)
    or exists (select from ponto.correcao where usuario_id = %(usuario_id)s)
    or exists (
        select
        from ponto.batida
        where usuario_id = %(usuario_id)s
            and ponto.semana(ponto) = any(array(select ponto.semanas(timestamptz '-infinity', timestamptz 'infinity')))
    ) as is_known,
    (select ponto from ponto.batida where id = %(batida_id)s::uuid and usuario_id = %(usuario_id)s) as punch,
    exists (select from ponto.solicitacao where id = %(id)s::uuid) as is_stored,
    clock_timestamp() as now
from (
    values (coalesce((select fuso from ponto.funcionario where usuario_id = %(usuario_id)s), ponto.fuso_padrao()))
) as zona (fuso)
