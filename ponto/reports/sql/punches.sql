-- The rows of an employee's working day, as they were sent.
select id, usuario_id, ponto, recebida_em, gravada_em, chave, mensagem_id
from batida
where id = any(
    array(
        select id
        from batida_local
        where dia = %(dia)s
            and usuario_id = %(usuario)s
            and semana(ponto) = any(array(select semanas(antes_do_dia(%(dia)s), depois_do_dia(%(dia)s))))
    )
)
order by ponto, id
