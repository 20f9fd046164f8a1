-- The id of the row that was stored from a message. mensagem_id has no index, which would slow inserts down. So rows are read
-- by the index on the time of receipt: those of the last hour, then of the last day, then older ones since an instant. Because
-- of the limit, reading stops when the row is found.
select id
from (
    select id
    from ponto.batida
    where mensagem_id = %(message_id)s
        and recebida_em >= %(since)s
        and recebida_em >= now() - interval '1 hour'
    union all
    select id
    from ponto.batida
    where mensagem_id = %(message_id)s
        and recebida_em >= %(since)s
        and recebida_em >= now() - interval '1 day'
        and recebida_em < now() - interval '1 hour'
    union all
    select id
    from ponto.batida
    where mensagem_id = %(message_id)s
        and recebida_em >= %(since)s
        and recebida_em < now() - interval '1 day'
) as message_row
limit 1
