-- Return the rows with the given ids, each with the id of its message and the values of Event.comparison_key. Instants
-- are in microseconds since the epoch, because datetimes with different zones can be unequal in Python although they
-- are the same instant.
select
    id,
    mensagem_id,
    json_build_object(
        'usuario_id', usuario_id,
        'ponto', (extract(epoch from ponto) * 1000000)::bigint
    ) as comparison_key
from ponto.batida
where id = any(%(ids)s::uuid[])
