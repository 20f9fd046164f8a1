-- What is under these ids: the message that brought it, and what Punch.compared has, by its names and in its order:
-- employee, and instant in microseconds since the epoch. An integer, because two datetimes of different zones can be
-- unequal in Python and still the same instant.
select id, mensagem_id, usuario_id, (extract(epoch from ponto) * 1000000)::bigint as ponto
from ponto.batida
where id = any(%(ids)s::uuid[])
