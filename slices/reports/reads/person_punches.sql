-- The rows of an employee's punches of a month, by the working day, with all columns that there are.
select row_to_json(batida)
from batida
where id = any(array(select id from batidas_enviadas(primeiro_dia(%(mes)s), ultimo_dia(%(mes)s), %(usuario)s)))
order by ponto, id
