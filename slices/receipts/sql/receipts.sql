select id::text, usuario_id, ponto, recebida_em, gravada_em
from ponto.batida
where usuario_id = %(employee_id)s
    -- All weeks, because a punch may be received years later. The index begins with the week.
    and ponto.semana(ponto) = any(array(select ponto.semanas('-infinity', 'infinity')))
    -- An expression, so that the planner does not also read the index on recebida_em, which has all employees' punches.
    and recebida_em + interval '0' >= clock_timestamp() - %(max_age)s
order by recebida_em desc, id desc
limit %(limit)s
