-- Rows of batida with all columns: an employee's punches of a month, by working day.
select row_to_json(batida) as registro
from ponto.batida
where id = any(array(select id from ponto.batidas_enviadas(ponto.primeiro_dia(%(mes)s), ponto.ultimo_dia(%(mes)s), %(employee_id)s)))
order by ponto, id
