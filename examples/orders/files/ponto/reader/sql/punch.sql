-- The row of an order, by id.
select
    id, loja as employee_id, criado as instant, recebida_em as received, gravada_em as written, chave as key,
    mensagem_id as message_id, pedido as device
from ponto.batida
where id = %(id)s::uuid
