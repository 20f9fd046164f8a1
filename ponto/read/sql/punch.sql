-- The row of an id.
select
    id,
    usuario_id as employee_id,
    ponto as instant,
    recebida_em as received,
    gravada_em as written,
    chave as key,
    mensagem_id as message_id,
    dispositivo as device,
    to_jsonb(batida.*) - '{id,usuario_id,ponto,recebida_em,gravada_em,chave,mensagem_id,dispositivo}'::text[] as fields
from ponto.batida
where id = %(id)s::uuid
