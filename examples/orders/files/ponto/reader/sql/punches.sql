-- The rows of a shop between two instants, of which the second is excluded.
select
    id, loja as employee_id, criado as instant, recebida_em as received, gravada_em as written, chave as key,
    mensagem_id as message_id, pedido as device
from ponto.batida
where loja = %(employee_id)s
    and ponto.semana(criado) = any(array(select ponto.semanas(%(de)s, %(ate)s)))
    and criado >= %(de)s
    and criado < %(ate)s
order by criado, id
