-- Months in which an employee has working days with punches or corrections.
select distinct ponto.primeiro_dia(dia) as mes
from (
    select dia from ponto.batidas_enviadas('-infinity', 'infinity', %(employee_id)s)
    union all
    select dia from ponto.correcoes('-infinity', 'infinity', %(employee_id)s)
) as registro
order by mes
