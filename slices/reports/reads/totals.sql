-- Totals of a month. employee_ids null: all employees. Totals as of an instant use the current time zone and cut-off;
-- zona_mudou_em says when these changed, if it was after that instant.
with total as (
    select espelho_totais.*
    from ponto.espelho_totais(%(mes)s, null, %(momento)s)
    where %(employee_ids)s::bigint[] is null
    union all
    select espelho_totais.*
    from unnest(%(employee_ids)s::bigint[]) as employee_id
        cross join lateral ponto.espelho_totais(%(mes)s, employee_id, %(momento)s)
)
select
    usuario_id, total.nome, total.cpf, total.fuso, dias_trabalhados, minutos, minutos_noturnos, dias_incompletos,
    dias_divididos, case when zona_mudou_em > %(momento)s then zona_mudou_em end as zona_mudou_em
from total
    left join ponto.funcionario using (usuario_id)
order by usuario_id;
