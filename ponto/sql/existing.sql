-- What stands under these ids: the employee, and the instant in microseconds since the epoch (an integer, because two
-- datetimes in different zones can be unequal in Python while they are the same instant).
select id, usuario_id, (extract(epoch from ponto) * 1000000)::bigint
from batida
where id = any(%(ids)s::uuid[])
