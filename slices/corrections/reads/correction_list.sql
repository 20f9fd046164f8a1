-- The corrections of the working days of a month, by employee, then by the corrected instant, then in the order of writing.
select
    criada_em,
    id::text,
    tipo,
    not exists (select from ponto.correcoes_vigentes() as vigente where vigente.id = feita.id) as desfeita,
    usuario_id,
    ponto,
    local,
    alvo::text,
    motivo,
    autor
from ponto.correcoes_sem_nome(ponto.primeiro_dia(%(mes)s), ponto.ultimo_dia(%(mes)s)) as feita
order by usuario_id, feita.ponto, feita.criada_em, feita.id
