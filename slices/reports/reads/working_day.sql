-- Start and end of a working day of an employee, with the defaults for one who is not in funcionario.
select (%(dia)s + corte) at time zone fuso as inicio, (%(dia)s + 1 + corte) at time zone fuso as fim
from (
    select coalesce(max(fuso), ponto.fuso_padrao()) as fuso, coalesce(max(corte), '04:00') as corte
    from ponto.funcionario
    where usuario_id = %(employee_id)s
) as zona
