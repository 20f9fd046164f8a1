select
    usuario_id, nome, dia, pontos, locais, batidas, pares, minutos, minutos_noturnos, incompleta, repetidas,
    minutos_descanso, primeira, ultima, gravada_em
from espelhos(%(mes)s)
order by usuario_id, dia;
