-- Days of time cards. employee_ids null: all employees. To keep responses small, columns that can be computed from the
-- punches are omitted, and the last write is sent as whole seconds after the last punch: as an instant with
-- microseconds, it took a third of each response.
with dia_do_espelho as (
    select espelhos.*
    from ponto.espelhos(%(mes)s, null, %(momento)s)
    where %(employee_ids)s::bigint[] is null
    union all
    select espelhos.*
    from unnest(%(employee_ids)s::bigint[]) as employee_id
        cross join lateral ponto.espelhos(%(mes)s, employee_id, %(momento)s)
)
select
    usuario_id, nome, dia, pontos, locais, minutos, minutos_noturnos, repetidas, minutos_descanso,
    date_trunc('second', gravada_em) - pontos[cardinality(pontos)] as espera, incluidas
from dia_do_espelho
order by usuario_id, dia;
