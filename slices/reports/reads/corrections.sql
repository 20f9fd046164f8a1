-- Corrections of a month that are in effect. employee_ids null: all employees.
with corrigida as (
    select correcoes.*
    from ponto.correcoes(ponto.primeiro_dia(%(mes)s), ponto.ultimo_dia(%(mes)s), null, %(momento)s)
    where %(employee_ids)s::bigint[] is null
    union all
    select correcoes.*
    from unnest(%(employee_ids)s::bigint[]) as employee_id
        cross join lateral ponto.correcoes(ponto.primeiro_dia(%(mes)s), ponto.ultimo_dia(%(mes)s), employee_id, %(momento)s)
)
select
    usuario_id,
    id,
    tipo,
    dia,
    date_trunc('minute', local) as local,
    null as dispositivo,
    autor,
    motivo,
    criada_em as escrita_em,
    autenticada as pedido_autenticado
from corrigida left join ponto.correcao_pedida using (id)
where vale
order by usuario_id, dia, ponto, criada_em;
