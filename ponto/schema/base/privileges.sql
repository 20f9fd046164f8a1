-- All privileges of roles in the schema; see ponto/schema/privileges.py.

grant usage on schema ponto to ponto_drain, ponto_reader;

-- Granted per column, so that only the column's default can set gravada_em, the time of writing.
grant insert (
    id, usuario_id, ponto, deslocamento, dispositivo, offline, enviado, latitude, longitude, precisao, sequencia,
    recebida_em, mensagem_id, chave
) on ponto.batida to ponto_drain;
-- Needed by ON CONFLICT, and by the look-up of an existing id, which distinguishes a redelivered message from a
-- different message with the same punch.
grant select (
    id, usuario_id, ponto, mensagem_id
) on ponto.batida to ponto_drain;
grant insert (mensagem_id), select, delete on ponto.falha to ponto_drain;

grant select on ponto.batida to ponto_reader;
grant execute on function ponto.semana, ponto.semanas, ponto.fuso_padrao to ponto_reader;
