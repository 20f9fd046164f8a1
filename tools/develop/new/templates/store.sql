-- Insert the entries of a batch, sent as one JSON document, and return the ids that were inserted. Each entry is an array.
-- store.py replaces the names in braces by the positions of the values in Entry.values. With objects instead of arrays, this
-- statement takes 8 percent (json) or 24 percent (jsonb) longer.
--
-- Rows are inserted in order of id, so that concurrent batches with the same ids wait for each other instead of deadlocking.
-- Of entries with the same id, the first is inserted.
-- The rows of existing ids are read by a separate statement (existing.sql). If this statement waited for a session that was
-- inserting the same id, its snapshot is older than that row and cannot see it.
insert into $schema.$table (
$columns
)
select
$column_values,
    to_timestamp((entry ->> {recebida_ms})::double precision / 1000),
    entry ->> {mensagem_id},
    entry ->> {chave}
from jsonb_array_elements(%(entries)s::jsonb) with ordinality as entries (entry, position)
order by id, position
on conflict (id) do nothing
returning id
