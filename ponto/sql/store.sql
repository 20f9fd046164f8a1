-- Store one batch, sent as one JSON document, and return the ids that were new. Each entry is an array; store.py replaces
-- each name in braces by the position of that value in Entry.values. An object instead of an array costs 8 percent (json)
-- or 24 percent (jsonb) of this statement.
--
-- In order of id, so that workers with the same ids wait for each other instead of deadlocking; of entries with one id
-- the first is stored.
-- The row of an id that was not new is read by another statement (existing.sql): if this one had to wait for a session
-- that was inserting the same id, its snapshot is older than that row and cannot see it.
insert into ponto.batida (
    id, usuario_id, ponto, deslocamento, dispositivo, offline, enviado, latitude, longitude, precisao, sequencia,
    recebida_em, mensagem_id, chave
)
select
    (entry ->> {id})::uuid as id,
    (entry ->> {usuario_id})::bigint,
    (entry ->> {ponto})::timestamptz,
    (entry ->> {deslocamento})::smallint,
    entry ->> {dispositivo},
    (entry ->> {offline})::boolean,
    (entry ->> {enviado})::timestamptz,
    (entry ->> {latitude})::double precision,
    (entry ->> {longitude})::double precision,
    (entry ->> {precisao})::double precision,
    (entry ->> {sequencia})::bigint,
    to_timestamp((entry ->> {recebida_ms})::double precision / 1000),
    entry ->> {mensagem_id},
    entry ->> {chave}
from jsonb_array_elements(%(entries)s::jsonb) with ordinality as entries (entry, position)
order by id, position
on conflict (id) do nothing
returning id
