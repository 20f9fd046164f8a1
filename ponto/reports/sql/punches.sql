-- The rows of an employee's working day.
select id, usuario_id, ponto, recebida_em, gravada_em, chave, mensagem_id
from batida
where id = any(array(select id from batidas(%(dia)s, %(dia)s, %(usuario)s)))
order by ponto, id
