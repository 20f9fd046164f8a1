-- The orders that run_count.sql counts.
select id, loja as employee_id, gravada_em as written
from ponto.batida
where
    ponto.semana(criado) = any(array(select ponto.semanas(%(desde)s, 'infinity')))
    and loja between %(primeiro)s and %(ultimo)s
order by loja
