grant usage on schema ponto to ponto_requests, ponto_refusals;

-- Without criada_em, so that only the column's default sets it.
grant insert (id, usuario_id, tipo, ponto, batida_id, motivo, autenticada), select (id) on ponto.solicitacao to ponto_requests;
grant select (
    id, usuario_id, tipo, ponto, batida_id, motivo, criada_em, situacao, correcao_id, recusa_motivo
) on ponto.solicitacao_situacao to ponto_requests;
-- Needed to check a request: whether the employee is known and has the punch, and the instant of a local time.
grant select (id, usuario_id, ponto) on ponto.batida to ponto_requests;
grant select (usuario_id, fuso) on ponto.funcionario to ponto_requests;
grant select (usuario_id) on ponto.correcao to ponto_requests;
grant execute on function ponto.instantes_locais, ponto.fuso_padrao, ponto.semana, ponto.semanas to ponto_requests;

grant insert (solicitacao_id, motivo, autor), select (solicitacao_id) on ponto.recusa to ponto_refusals;
grant select (id, situacao, correcao_id, recusa_motivo, recusa_autor) on ponto.solicitacao_situacao to ponto_refusals;

grant select on ponto.solicitacao_situacao to ponto_reader;
grant execute on function ponto.id_do_aceite to ponto_requests, ponto_refusals, ponto_reader;
