-- Of whom there are time cards.
select usuario_id
from espelho_totais(%(mes)s, null, %(momento)s)
order by usuario_id;
