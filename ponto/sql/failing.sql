-- For how many seconds the function's own code has failed on these messages. Those that it fails on for the first time
-- are recorded, and not returned. Forgets messages that no queue can hold any more.
with forgotten as (
    delete from ponto.falha where desde < clock_timestamp() - interval '14 days'
), remembered as (
    insert into ponto.falha (mensagem_id) select unnest(%(ids)s) on conflict do nothing
)
select mensagem_id, extract(epoch from clock_timestamp() - desde)::double precision
from ponto.falha
where mensagem_id = any(%(ids)s)
