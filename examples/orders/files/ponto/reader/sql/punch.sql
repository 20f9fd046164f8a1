-- The row of an order, by its id.
select id, loja, criado, recebida_em, gravada_em, chave, mensagem_id, pedido
from ponto.batida
where id = %(id)s::uuid
