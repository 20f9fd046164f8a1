-- One look at the punches for both: first how many of each kind (ordem 0), then each.
with excecao as materialized (
    select tipo, usuario_id, nome, dia, id, local, dispositivo, medida, batidas
    from excecoes(
        %(de)s, %(ate)s, %(jornada_maxima)s, %(proximas)s, %(atraso)s, %(futuro)s, %(dias)s, %(desvio)s,
        %(usuario)s
    )
)
select 0 as ordem, tipo, null as usuario_id, null as nome, null as dia, null as id, null as local,
    null as dispositivo, null as medida, count(*) as batidas
from excecao
group by tipo
union all
select 1, * from excecao
order by ordem, dia, usuario_id, tipo, local;
