grant usage on schema ponto to ponto_receipts;

-- Only the columns of a receipt: neither the position nor the device.
grant select (id, usuario_id, ponto, recebida_em, gravada_em) on ponto.batida to ponto_receipts;
-- Needed to find an employee's punches of all weeks.
grant execute on function ponto.semana, ponto.semanas to ponto_receipts;
