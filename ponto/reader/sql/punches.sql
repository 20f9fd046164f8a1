-- The rows of an employee between two instants, as they were sent.
select id, usuario_id, ponto, recebida_em, gravada_em, chave, mensagem_id, dispositivo
from ponto.batida
where usuario_id = %(usuario)s
    and ponto.semana(ponto) = any(array(select ponto.semanas(%(de)s, %(ate)s)))
    and ponto >= %(de)s
    and ponto < %(ate)s
order by ponto, id
