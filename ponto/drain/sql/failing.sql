-- Record messages on which the function's own code has failed, and return the seconds since the first failure of those that
-- were recorded before. Delete records that are older than the maximum retention period of a queue.
with expired as (
    delete from ponto.falha where desde < clock_timestamp() - interval '14 days'
), recorded as (
    insert into ponto.falha (mensagem_id) select unnest(%(ids)s) on conflict do nothing
)
select mensagem_id, extract(epoch from clock_timestamp() - desde)::double precision
from ponto.falha
where mensagem_id = any(%(ids)s)
