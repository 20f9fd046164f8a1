-- The months that have punches or corrections of an employee, by the working day.
select distinct primeiro_dia(dia) as mes
from (
    select dia
    from batida_local
    where usuario_id = %(usuario)s and semana(ponto) = any(array(select semanas('-infinity', 'infinity')))
    union all
    select dia from correcoes('-infinity', 'infinity', %(usuario)s)
) as registro
order by mes
