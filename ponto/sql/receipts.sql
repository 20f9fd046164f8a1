select id::text, usuario_id, ponto, recebida_em, gravada_em
from batida
where usuario_id = %(employee)s
    -- Of every week in which somebody punched, for the index begins with it: a punch may be received years later.
    and semana(ponto) = any(array(select semanas('-infinity', 'infinity')))
    and recebida_em >= clock_timestamp() - %(since)s
order by recebida_em desc, id desc
limit %(most)s
