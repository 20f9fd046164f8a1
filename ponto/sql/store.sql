-- Store one batch, sent as one JSON document, and return the ids that were new.
--
-- In order of id, so that workers with the same ids wait for each other instead of deadlocking.
-- What stands under an id that was not new is read by another statement (existing.sql): when this one had to
-- wait for a session that was inserting the same id, its snapshot is older than that row and cannot see it.
insert into batida (
    id, usuario_id, ponto, deslocamento, dispositivo, offline, enviado, latitude, longitude, precisao,
    recebida_em, mensagem_id
)
select
    id, usuario_id, ponto, deslocamento, dispositivo, offline, enviado, latitude, longitude, precisao,
    to_timestamp(received_ms / 1000.0), message_id
from jsonb_to_recordset(%(entries)s::jsonb) as entry (
    id uuid,
    usuario_id bigint,
    ponto timestamptz,
    deslocamento smallint,
    dispositivo text,
    offline boolean,
    enviado timestamptz,
    latitude double precision,
    longitude double precision,
    precisao double precision,
    received_ms bigint,
    message_id text
)
order by id
on conflict (id) do nothing
returning id
