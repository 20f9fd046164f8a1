-- Return the rows with these ids: the id of the message, and the values of Punch.comparison_key.
select
    id,
    mensagem_id,
    json_build_object(
        'pedido', pedido,
        'loja', loja,
        'criado', (extract(epoch from criado) * 1000000)::bigint,
        'total_centavos', total_centavos
    ) as comparison_key
from ponto.batida
where id = any(%(ids)s::uuid[])
