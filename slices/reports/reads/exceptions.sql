-- Exceptions and their numbers from one scan of the punches: a row with the number of all exceptions and the largest
-- employee number (ordem 0), a row with the number of each type (1), then the exceptions (2). employee_ids null:
-- all employees. With `somadas`, exceptions with the same cause are one row: all punches that an employee's device sent
-- late or ahead of time, all punches of a device whose clock is wrong, all days that a cut-off splits.
with excecao as materialized (
    select excecoes.*
    from ponto.excecoes(
        %(de)s, %(ate)s, %(jornada_maxima)s, %(proximas)s, %(atraso)s, %(futuro)s, %(dias)s, %(desvio)s,
        %(redefinicao)s, null, %(momento)s
    )
    where %(employee_ids)s::bigint[] is null
    union all
    select excecoes.*
    from unnest(%(employee_ids)s::bigint[]) as employee_id
        cross join lateral ponto.excecoes(
            %(de)s, %(ate)s, %(jornada_maxima)s, %(proximas)s, %(atraso)s, %(futuro)s, %(dias)s, %(desvio)s,
            %(redefinicao)s, employee_id, %(momento)s
        )
),
linha as (
    select
        excecao.*,
        not (
            %(somadas)s and tipo in ('futura', 'atrasada', 'relogio', 'redefinida', 'dividida')
        ) as sozinha
    from excecao
),
-- The punches of incomplete days, for text
incompleta as (
    select 'incompleta' as tipo, usuario_id, dia, locais
    from ponto.jornadas(%(de)s, %(ate)s, null, %(momento)s)
    where %(somadas)s and %(employee_ids)s::bigint[] is null and incompleta
    union all
    select 'incompleta', jornadas.usuario_id, dia, locais
    from unnest(%(employee_ids)s::bigint[]) as employee_id
        cross join lateral ponto.jornadas(%(de)s, %(ate)s, employee_id, %(momento)s)
    where %(somadas)s and incompleta
)
select
    2 as ordem,
    tipo,
    case when count(distinct usuario_id) = 1 then min(usuario_id) end as usuario_id,
    case when count(distinct usuario_id) = 1 then min(nome) end as nome,
    min(dia) as dia,
    (array_agg(id order by id))[1] as id,
    case when count(*) = 1 then min(local) end as local,
    dispositivo,
    (array_agg(medida order by greatest(medida, -medida) desc, medida))[1] as medida,
    sum(batidas) as batidas,
    count(*) as vezes,
    min(locais) as locais
from linha left join incompleta using (usuario_id, dia, tipo)
group by
    tipo,
    dispositivo,
    case when sozinha or tipo <> 'relogio' or dispositivo is null then usuario_id end,
    case when sozinha then dia end,
    case when sozinha then id end
union all
select 0, null, max(usuario_id), null, null, null, null, null, null, null, count(*), null
from excecao
union all
select 1, tipo, null, null, null, null, null, null, null, null, count(*), null
from excecao
group by tipo
order by ordem, dia, usuario_id, tipo, local, id;
