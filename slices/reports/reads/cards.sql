-- A list of employees that is null: of all. What follows from the punches of a day is left out. When its last row was
-- written travels as whole seconds after its last punch: as an instant with microseconds it was a third of all answers.
with dia_do_espelho as (
    select espelhos.*
    from ponto.espelhos(%(mes)s, null, %(momento)s)
    where %(usuarios)s::bigint[] is null
    union all
    select espelhos.*
    from unnest(%(usuarios)s::bigint[]) as quem cross join lateral ponto.espelhos(%(mes)s, quem, %(momento)s)
)
select
    usuario_id, nome, dia, pontos, locais, minutos, minutos_noturnos, repetidas, minutos_descanso,
    date_trunc('second', gravada_em) - pontos[cardinality(pontos)] as espera, incluidas
from dia_do_espelho
order by usuario_id, dia;
