select
    usuario_id, nome, dia, pontos, locais, batidas, pares, minutos, minutos_noturnos, incompleta, repetidas,
    minutos_descanso, primeira, ultima, gravada_em
from espelho(%(usuario)s, %(mes)s)
order by dia;
