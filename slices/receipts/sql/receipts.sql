select id::text, usuario_id, ponto, recebida_em, gravada_em
from ponto.batida
where usuario_id = %(employee_id)s
    -- Of every week in which somebody punched, for the index begins with it: a punch may be received years later.
    and ponto.semana(ponto) = any(array(select ponto.semanas('-infinity', 'infinity')))
    -- Computed, so that the index of all that was received since is not read besides.
    and recebida_em + interval '0' >= clock_timestamp() - %(since)s
order by recebida_em desc, id desc
limit %(limit)s
