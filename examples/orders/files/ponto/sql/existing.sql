-- What is under these ids: the message that brought it, and Punch.compared, in its order.
select
    id, mensagem_id, pedido, loja, (extract(epoch from criado) * 1000000)::bigint as criado, total_centavos
from ponto.batida
where id = any(%(ids)s::uuid[])
