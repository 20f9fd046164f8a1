-- Store one batch, sent as one JSON document, and return the ids that were new. Each entry is an array in the order
-- of the fields of Punch (event.py), and then what came with the message.
--
-- In order of id, so that workers with the same ids wait for each other instead of deadlocking.
-- What stands under an id that was not new is read by another statement (existing.sql): when this one had to
-- wait for a session that was inserting the same id, its snapshot is older than that row and cannot see it.
insert into ponto.batida (
    id, usuario_id, ponto, deslocamento, dispositivo, offline, enviado, latitude, longitude, precisao, sequencia,
    recebida_em, mensagem_id, chave
)
select
    (entry ->> 0)::uuid as id,
    (entry ->> 1)::bigint,
    (entry ->> 2)::timestamptz,
    (entry ->> 3)::smallint,
    entry ->> 4,
    (entry ->> 5)::boolean,
    (entry ->> 6)::timestamptz,
    (entry ->> 7)::double precision,
    (entry ->> 8)::double precision,
    (entry ->> 9)::double precision,
    (entry ->> 10)::bigint,
    to_timestamp((entry ->> 11)::double precision / 1000), -- of milliseconds
    entry ->> 12,
    entry ->> 13
from jsonb_array_elements(%(entries)s::jsonb) as entry
order by id
on conflict (id) do nothing
returning id
