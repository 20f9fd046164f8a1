-- Store one batch, sent as one JSON document, and return the ids that were new. Each entry is an array in the order
-- of the fields of Punch (event.py), and then what came with the message.
--
-- In order of id, so that workers with the same ids wait for each other instead of deadlocking.
insert into ponto.batida (
    id, pedido, loja, criado, total_centavos, recebida_em, mensagem_id, chave
)
select
    (entry ->> 0)::uuid as id,
    entry ->> 1,
    (entry ->> 2)::bigint,
    (entry ->> 3)::timestamptz,
    (entry ->> 4)::bigint,
    to_timestamp((entry ->> 5)::double precision / 1000), -- of milliseconds
    entry ->> 6,
    entry ->> 7
from jsonb_array_elements(%(entries)s::jsonb) as entry
order by id
on conflict (id) do nothing
returning id
