-- Of employees whom a load test has to itself, since it began: how many punches, and the highest number of an employee.
select count(*) as row_count, max(usuario_id) as highest_employee_id
from ponto.batida
where
    ponto.semana(ponto) = any(array(select ponto.semanas(%(desde)s, 'infinity')))
    and usuario_id between %(primeiro)s and %(ultimo)s
