select
    usuario_id, nome, dia, pontos, locais, batidas, pares, minutos, minutos_noturnos, incompleta, primeira, ultima,
    gravada_em
from espelhos(%(mes)s)
order by usuario_id, dia;
