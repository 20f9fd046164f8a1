-- Of employees whom a load test has to itself, since it began: how many punches, and the highest number of an employee.
select count(*), max(usuario_id)
from ponto.batida
where
    ponto.semana(ponto) = any(array(select ponto.semanas(%(desde)s, 'infinity')))
    and usuario_id between %(primeiro)s and %(ultimo)s
