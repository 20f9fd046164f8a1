-- The corrections of the working days of a month, by employee, then by the corrected instant, then in the order of writing.
select
    criada_em,
    id::text,
    tipo,
    not exists (select from ponto.correcoes_vigentes() as vigente where vigente.id = correction.id) as desfeita,
    usuario_id,
    ponto,
    local,
    alvo::text,
    motivo,
    autor,
    autenticada as pedido_autenticado
from ponto.correcoes_sem_nome(ponto.primeiro_dia(%(mes)s), ponto.ultimo_dia(%(mes)s)) as correction
    left join ponto.correcao_pedida using (id)
order by usuario_id, correction.ponto, correction.criada_em, id
