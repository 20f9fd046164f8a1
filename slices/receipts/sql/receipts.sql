-- The receipts of one employee, the latest first.

-- Of all weeks, because an old punch may be received today. The index begins with the week. The interval of 0 is added
-- so that the planner does not also read the index on recebida_em, which has the punches of all employees.
select
    id::text,
    usuario_id,
    ponto,
    recebida_em,
    gravada_em
from ponto.batida
where usuario_id = %(employee_id)s
    and ponto.semana(ponto) = any(array(select ponto.semanas('-infinity', 'infinity')))
    and recebida_em + interval '0' >= clock_timestamp() - %(max_age)s
order by recebida_em desc, id desc
limit %(limit)s
