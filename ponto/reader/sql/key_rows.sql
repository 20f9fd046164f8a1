-- The rows that were sent with the given API keys, in order of receipt. The time of receipt limits the scan by its
-- index, because the keys have no index. If the list of employees is null, rows of all employees are returned.
select
    chave as key,
    id,
    usuario_id as employee_id,
    ponto as instant,
    dispositivo as device,
    recebida_em as received
from ponto.batida
where
    chave = any(%(keys)s)
    and recebida_em >= coalesce(to_timestamp(%(from_ms)s / 1000.0), '-infinity')
    and recebida_em < coalesce(to_timestamp(%(to_ms)s / 1000.0), 'infinity')
    and (%(employee_ids)s::bigint[] is null or usuario_id = any(%(employee_ids)s))
order by received, id
