-- A list of employees that is null: of all.
with total as (
    select espelho_totais.*
    from espelho_totais(%(mes)s)
    where %(usuarios)s::bigint[] is null
    union all
    select espelho_totais.*
    from unnest(%(usuarios)s::bigint[]) as quem cross join lateral espelho_totais(%(mes)s, quem)
)
select usuario_id, nome, cpf, fuso, dias_trabalhados, minutos, minutos_noturnos, dias_incompletos, dias_divididos
from total
order by usuario_id;
