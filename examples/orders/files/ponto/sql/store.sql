-- Store one batch, sent as one JSON document, and return the ids that were new. Each entry is an array; store.py
-- replaces each name in braces by the position of that value, as Entry.columns has them.
--
-- In order of id, so that workers with the same ids wait for each other instead of deadlocking.
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
from jsonb_array_elements(%(entries)s::jsonb) as entry
order by id
on conflict (id) do nothing
returning id
