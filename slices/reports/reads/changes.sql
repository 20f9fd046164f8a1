-- Employees whose month differs between `antes` and `momento` (null: now), with the totals of both; and employees whose
-- time zone or cut-off changed in between, for whom both totals use the current ones. employee_ids null: all employees.
-- Only employees with rows of the month written after `antes` are compared.
with escrita as (
    select usuario_id
    from ponto.batida_local
    where gravada_em > %(antes)s
        and recebida_em is not null
        and dia between ponto.primeiro_dia(%(mes)s) and ponto.ultimo_dia(%(mes)s)
        and ponto >= ponto.antes_do_dia(ponto.primeiro_dia(%(mes)s))
        and ponto < ponto.depois_do_dia(ponto.ultimo_dia(%(mes)s))
    union
    select usuario_id
    from ponto.correcoes(ponto.primeiro_dia(%(mes)s), ponto.ultimo_dia(%(mes)s))
    where criada_em > %(antes)s
),
com_outra_zona as materialized (
    select usuario_id, zona_mudou_em
    from ponto.funcionario
    where zona_mudou_em > %(antes)s
        and (%(employee_ids)s::bigint[] is null or usuario_id = any(%(employee_ids)s))
        -- Punches that count at either instant, on a day that another time zone and cut-off may have assigned to the
        -- month. Local times differ by less than 24 hours from UTC, and a cut-off is less than 24 hours, so a change
        -- moves the working day of an instant by less than 3 * 24 hours, which is at most 3 dates.
        and exists (
            select
            from ponto.batidas(ponto.primeiro_dia(%(mes)s) - 3, ponto.ultimo_dia(%(mes)s) + 3, funcionario.usuario_id, %(antes)s)
            union all
            select
            from ponto.batidas(ponto.primeiro_dia(%(mes)s) - 3, ponto.ultimo_dia(%(mes)s) + 3, funcionario.usuario_id, %(momento)s)
        )
),
mudada as materialized (
    select usuario_id
    from escrita
    where (%(employee_ids)s::bigint[] is null or usuario_id = any(%(employee_ids)s))
        and exists (
            select
            from ponto.jornadas(ponto.primeiro_dia(%(mes)s), ponto.ultimo_dia(%(mes)s), escrita.usuario_id, %(antes)s) as antes
                full join ponto.jornadas(ponto.primeiro_dia(%(mes)s), ponto.ultimo_dia(%(mes)s), escrita.usuario_id, %(momento)s) as agora
                    using (dia)
            where antes.pontos is distinct from agora.pontos
        )
    union
    select usuario_id from com_outra_zona
)
select
    mudada.usuario_id,
    coalesce(agora.nome, antes.nome) as nome,
    coalesce(agora.cpf, antes.cpf) as cpf,
    coalesce(antes.dias_trabalhados, 0) as dias_trabalhados_antes,
    coalesce(agora.dias_trabalhados, 0) as dias_trabalhados,
    coalesce(antes.minutos, 0) as minutos_antes,
    coalesce(agora.minutos, 0) as minutos,
    coalesce(antes.minutos_noturnos, 0) as minutos_noturnos_antes,
    coalesce(agora.minutos_noturnos, 0) as minutos_noturnos,
    coalesce(antes.dias_incompletos, 0) as dias_incompletos_antes,
    coalesce(agora.dias_incompletos, 0) as dias_incompletos,
    zona_mudou_em
from mudada
    left join com_outra_zona using (usuario_id)
    left join lateral ponto.espelho_totais(%(mes)s, mudada.usuario_id, %(antes)s) as antes on true
    left join lateral ponto.espelho_totais(%(mes)s, mudada.usuario_id, %(momento)s) as agora on true
order by usuario_id;
