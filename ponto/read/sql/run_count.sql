-- The number of punches of a load test, and its highest employee id. The load test uses a range of employee ids that no
-- other client uses.
select count(*) as row_count, max(usuario_id) as highest_employee_id
from ponto.batida
where
    ponto.semana(ponto) = any(array(select ponto.semanas(%(desde)s, 'infinity')))
    and usuario_id between %(primeiro)s and %(ultimo)s
