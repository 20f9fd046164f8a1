select id::text, usuario_id, ponto, recebida_em, gravada_em
from batida
where usuario_id = %(employee)s and recebida_em >= clock_timestamp() - %(since)s
order by recebida_em desc, id desc
limit %(most)s
