-- One request by its id, or an employee's requests of some days, the latest first.
select id::text, usuario_id, tipo, ponto, batida_id::text, motivo, criada_em, situacao, correcao_id::text, recusa_motivo
from ponto.solicitacao_situacao
where id = %(id)s::uuid
    or (usuario_id = %(usuario_id)s and criada_em >= clock_timestamp() - %(max_age)s::interval)
order by criada_em desc, id desc
limit 500
