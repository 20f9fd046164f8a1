select usuario_id, nome, cpf, fuso, dias_trabalhados, minutos, minutos_noturnos, dias_incompletos,
    dias_divididos
from espelho_totais(%(mes)s, %(usuario)s)
order by usuario_id;
