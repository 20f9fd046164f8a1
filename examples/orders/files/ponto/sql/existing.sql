-- Return what is stored under these ids: the message that brought it, and the values that Punch.comparison_key has.
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
