-- Number of orders since the start of a load test in the range of shop numbers that it reserves, and the highest shop number.
select count(*) as row_count, max(loja) as highest_employee_id
from ponto.batida
where
    ponto.semana(criado) = any(array(select ponto.semanas(%(desde)s, 'infinity')))
    and loja between %(primeiro)s and %(ultimo)s
