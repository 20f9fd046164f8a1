-- The punches that run_count.sql counts.
select id, usuario_id as employee_id, gravada_em as written
from ponto.batida
where
    ponto.semana(ponto) = any(array(select ponto.semanas(%(desde)s, 'infinity')))
    and usuario_id between %(primeiro)s and %(ultimo)s
order by employee_id
