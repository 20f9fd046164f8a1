-- What a receipt says, and no more: neither where nor on which device somebody punched.
grant select (id, usuario_id, ponto, recebida_em, gravada_em) on batida to ponto_receipts;
