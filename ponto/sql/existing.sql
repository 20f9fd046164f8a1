-- Return the rows with these ids: the message that brought each, and the values of Punch.comparison_key by the same
-- names: the employee, and the instant in microseconds since the epoch. An integer, because two datetimes of different
-- zones can be unequal in Python and still be the same instant.
select
    id,
    mensagem_id,
    json_build_object('usuario_id', usuario_id, 'ponto', (extract(epoch from ponto) * 1000000)::bigint) as comparison_key
from ponto.batida
where id = any(%(ids)s::uuid[])
