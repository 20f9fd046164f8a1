-- Working days with punches of an employee: a day, the day before it and the day after it.
select dia, pontos, locais, minutos
from ponto.jornadas(%(dia)s::date - 1, %(dia)s::date + 1, %(employee_id)s)
order by dia
