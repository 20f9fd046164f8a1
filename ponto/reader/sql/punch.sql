-- The row of a punch, by its id.
select id, usuario_id, ponto, recebida_em, gravada_em, chave, mensagem_id, dispositivo
from ponto.batida
where id = %(id)s::uuid
