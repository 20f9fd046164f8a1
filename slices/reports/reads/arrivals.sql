-- Punches and corrections of a month that were written after `antes` and until `momento` (null: now).
-- employee_ids null: all employees.
select
    usuario_id,
    id,
    tipo,
    dia,
    date_trunc('minute', local) as local,
    dispositivo,
    autor,
    motivo,
    escrita_em,
    autenticada as pedido_autenticado
from (
    select usuario_id, id, 'batida', dia, local, dispositivo, null, null, gravada_em
    from ponto.batida_local
    where gravada_em > %(antes)s
        and ponto.escrita_ate(gravada_em, %(momento)s)
        and recebida_em is not null
        and dia between ponto.primeiro_dia(%(mes)s) and ponto.ultimo_dia(%(mes)s)
        and ponto >= ponto.antes_do_dia(ponto.primeiro_dia(%(mes)s))
        and ponto < ponto.depois_do_dia(ponto.ultimo_dia(%(mes)s))
    union all
    select usuario_id, id, tipo, dia, local, null, autor, motivo, criada_em
    from ponto.correcoes(ponto.primeiro_dia(%(mes)s), ponto.ultimo_dia(%(mes)s), null, %(momento)s)
    where criada_em > %(antes)s
) as escrita (usuario_id, id, tipo, dia, local, dispositivo, autor, motivo, escrita_em)
    left join ponto.correcao_pedida using (id)
where %(employee_ids)s::bigint[] is null or usuario_id = any(%(employee_ids)s)
order by usuario_id, dia, escrita.local, escrita_em, id;
