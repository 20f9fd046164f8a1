-- The rows of a shop between two instants, as they were sent.
select id, loja, criado, recebida_em, gravada_em, chave, mensagem_id, pedido
from ponto.batida
where loja = %(usuario)s
    and ponto.semana(criado) = any(array(select ponto.semanas(%(de)s, %(ate)s)))
    and criado >= %(de)s
    and criado < %(ate)s
order by criado, id
