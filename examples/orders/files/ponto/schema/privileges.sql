-- All privileges of roles in the schema; see ponto/admin/privileges.py.

grant usage on schema ponto to ponto_function, ponto_reader;

-- Granted per column, so that only the column's default can set gravada_em, the time of writing.
grant insert (id, pedido, loja, criado, total_centavos, recebida_em, mensagem_id, chave) on ponto.batida to ponto_function;
-- Needed by ON CONFLICT, and by the look-up of an existing id.
grant select (id, pedido, loja, criado, total_centavos, mensagem_id) on ponto.batida to ponto_function;
grant insert (mensagem_id), select, delete on ponto.falha to ponto_function;

grant select on ponto.batida to ponto_reader;
grant execute on function ponto.usuario_reservado, ponto.semana, ponto.semanas, ponto.fuso_padrao to ponto_reader;
