-- Whose month is another now than at a moment, with the figures of both. A list of employees that is null: of all.
-- Only they are looked at for whose month something was written since.
with escrita as (
    select usuario_id
    from batida_local
    where gravada_em > %(momento)s
        and recebida_em is not null
        and dia between primeiro_dia(%(mes)s) and ultimo_dia(%(mes)s)
        and ponto >= antes_do_dia(primeiro_dia(%(mes)s))
        and ponto < depois_do_dia(ultimo_dia(%(mes)s))
    union
    select usuario_id
    from correcoes(primeiro_dia(%(mes)s), ultimo_dia(%(mes)s))
    where criada_em > %(momento)s
),
mudada as materialized (
    select usuario_id
    from escrita
    where (%(usuarios)s::bigint[] is null or usuario_id = any(%(usuarios)s))
        and exists (
            select
            from jornadas(primeiro_dia(%(mes)s), ultimo_dia(%(mes)s), escrita.usuario_id, %(momento)s) as antes
                full join jornadas(primeiro_dia(%(mes)s), ultimo_dia(%(mes)s), escrita.usuario_id) as agora using (dia)
            where antes.pontos is distinct from agora.pontos
        )
)
select
    mudada.usuario_id,
    coalesce(agora.nome, antes.nome),
    coalesce(agora.cpf, antes.cpf),
    coalesce(antes.dias_trabalhados, 0),
    coalesce(agora.dias_trabalhados, 0),
    coalesce(antes.minutos, 0),
    coalesce(agora.minutos, 0),
    coalesce(antes.minutos_noturnos, 0),
    coalesce(agora.minutos_noturnos, 0),
    coalesce(antes.dias_incompletos, 0),
    coalesce(agora.dias_incompletos, 0)
from mudada
    left join lateral espelho_totais(%(mes)s, mudada.usuario_id, %(momento)s) as antes on true
    left join lateral espelho_totais(%(mes)s, mudada.usuario_id) as agora on true
order by usuario_id;
