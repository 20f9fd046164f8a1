-- The rows that were sent with the given API keys, in order of receipt. The time of receipt limits the scan by its index, because
-- the keys have no index.
-- If the list of shops is null, rows of all shops are returned.
select chave as key, id, loja as employee_id, criado as instant, pedido as device, recebida_em as received
from ponto.batida
where
    chave = any(%(keys)s)
    and recebida_em >= coalesce(to_timestamp(%(from_ms)s / 1000.0), '-infinity')
    and recebida_em < coalesce(to_timestamp(%(to_ms)s / 1000.0), 'infinity')
    and (%(employee_ids)s::bigint[] is null or loja = any(%(employee_ids)s))
order by recebida_em, id
