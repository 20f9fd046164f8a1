select minuto, batidas, recebidas, gravadas, fila, idade
from pico(%(de)s, %(ate)s)
order by minuto;
