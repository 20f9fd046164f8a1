-- Of whom there are time cards.
select usuario_id
from espelho_totais(%(mes)s)
order by usuario_id;
