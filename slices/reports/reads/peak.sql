-- The minutes from `de` to `ate`.
select minuto, batidas, recebidas, gravadas, fila, idade
from ponto.pico(%(de)s, %(ate)s)
order by minuto;
