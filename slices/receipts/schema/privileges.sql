grant usage on schema ponto to ponto_receipts;

-- Only the columns of a receipt.
grant select (
    id, usuario_id, ponto, recebida_em, gravada_em
) on ponto.batida to ponto_receipts;
-- Needed to find the punches of one employee in all weeks.
grant execute on function ponto.semana, ponto.semanas to ponto_receipts;
