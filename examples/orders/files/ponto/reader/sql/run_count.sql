-- Number of orders in the number range that a load test reserves for itself, since it began, and the highest shop number.
select count(*) as row_count, max(loja) as highest_employee_id
from ponto.batida
where
    ponto.semana(criado) = any(array(select ponto.semanas(%(desde)s, 'infinity')))
    and loja between %(primeiro)s and %(ultimo)s
