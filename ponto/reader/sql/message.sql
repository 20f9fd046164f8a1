-- The id of the row that a message brought. mensagem_id has no index, which would slow the intake down. So rows are read
-- by the time of receipt, which has one: those of the last hour, then of the day, then the others since an instant. What
-- comes later is not read once the row is found.
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
) as brought
limit 1
