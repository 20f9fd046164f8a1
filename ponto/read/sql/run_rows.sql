-- The punches that run_count.sql counts, after an id, and how many other rows each has: rows of the same employee and
-- instant, but with another id, would be the same punch stored again.
with run as (
    select id, usuario_id, ponto, gravada_em
    from ponto.batida
    where id > %(depois)s
        and id <= %(ultimo)s
    order by id
    limit %(limite)s
),

other as (
    select usuario_id, ponto, count(*) as copies
    from ponto.batida
    where
        ponto.semana(ponto) = any(array(select ponto.semanas(%(desde)s, 'infinity')))
        and id not between %(primeiro)s and %(ultimo)s
        and (usuario_id, ponto) in (select usuario_id, ponto from run)
    group by usuario_id, ponto
)

select id, usuario_id as employee_id, gravada_em as written, coalesce(copies, 0) as copies
from run
left join other using (usuario_id, ponto)
order by id
