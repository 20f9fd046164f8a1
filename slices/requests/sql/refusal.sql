select situacao, correcao_id::text, recusa_motivo, recusa_autor from ponto.solicitacao_situacao where id = %(id)s::uuid
