-- Insert the entries of a batch, sent as one JSON document, and return the ids that were inserted. Each entry is an array.
-- store.py replaces the names in braces by the positions of the values in Entry.values.
--
-- Rows are inserted in order of id, so that concurrent batches with the same ids wait for each other instead of deadlocking.
-- Of entries with the same id, the first is inserted.
insert into ponto.batida (
    id, pedido, loja, criado, total_centavos, recebida_em, mensagem_id, chave
)
select
    (entry ->> {id})::uuid as id,
    entry ->> {pedido},
    (entry ->> {loja})::bigint,
    (entry ->> {criado})::timestamptz,
    (entry ->> {total_centavos})::bigint,
    to_timestamp((entry ->> {recebida_ms})::double precision / 1000),
    entry ->> {mensagem_id},
    entry ->> {chave}
from jsonb_array_elements(%(entries)s::jsonb) with ordinality as entries (entry, position)
order by id, position
on conflict (id) do nothing
returning id
