-- The months that have punches or corrections of an employee, by the working day.
select distinct ponto.primeiro_dia(dia) as mes
from (
    select dia from ponto.batidas_enviadas('-infinity', 'infinity', %(usuario)s)
    union all
    select dia from ponto.correcoes('-infinity', 'infinity', %(usuario)s)
) as registro
order by mes
