-- Cut-offs with at least `divididos` split days. employee_ids null: all employees who punched.
with corte_sugerido as (
    select cortes.*
    from ponto.cortes(%(de)s, %(ate)s)
    where %(employee_ids)s::bigint[] is null
    union all
    select cortes.*
    from unnest(%(employee_ids)s::bigint[]) as employee_id cross join lateral ponto.cortes(%(de)s, %(ate)s, employee_id)
)
select
    usuario_id, nome, fuso, corte, dias, divididos, sugestao, restantes, folga,
    floor(extract(epoch from folga) / 60)::int as folga_minutos
from corte_sugerido
where divididos >= %(divididos)s
order by usuario_id;
