-- All rights of roles in the schema: see ponto/admin/rights.py.

grant usage on schema ponto to ponto_function, ponto_reader;

-- By column, so that the owner alone says when a row was written.
grant insert (id, pedido, loja, criado, total_centavos, recebida_em, mensagem_id, chave) on ponto.batida to ponto_function;
-- What ON CONFLICT reads, and the look-up of a taken id.
grant select (id, pedido, loja, criado, total_centavos, mensagem_id) on ponto.batida to ponto_function;
grant insert (mensagem_id), select, delete on ponto.falha to ponto_function;

grant select on ponto.batida to ponto_reader;
grant execute on function ponto.usuario_reservado, ponto.semana, ponto.semanas, ponto.fuso_padrao to ponto_reader;
