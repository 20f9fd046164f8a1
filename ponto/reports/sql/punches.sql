-- The rows of an employee's working day, as they were sent.
select id, usuario_id, ponto, recebida_em, gravada_em, chave, mensagem_id
from batida
where id = any(array(select id from batidas_enviadas(%(dia)s, %(dia)s, %(usuario)s)))
order by ponto, id
