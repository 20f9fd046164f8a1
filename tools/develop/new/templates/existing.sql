-- Return the rows with the given ids, each with the id of its message and the values of Event.comparison_key. Instants are
-- in microseconds since the epoch, because datetimes with different zones can be unequal in Python although they are the
-- same instant.
select
    id,
    mensagem_id,
    json_build_object(
$comparison_key
    ) as comparison_key
from $schema.$table
where id = any(%(ids)s::uuid[])
