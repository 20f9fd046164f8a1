-- The orders that run_count counts.
select id, loja, gravada_em
from batida
where criado >= %(desde)s and loja between %(primeiro)s and %(ultimo)s
order by loja
