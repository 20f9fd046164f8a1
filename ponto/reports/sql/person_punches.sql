-- The rows of an employee's punches of a month, by the working day, with all columns that there are.
select row_to_json(batida)
from batida
where id = any(
    array(
        select id
        from batida_local
        where dia between primeiro_dia(%(mes)s) and ultimo_dia(%(mes)s)
            and usuario_id = %(usuario)s
            and semana(ponto) = any(
                array(select semanas(antes_do_dia(primeiro_dia(%(mes)s)), depois_do_dia(ultimo_dia(%(mes)s))))
            )
    )
)
order by ponto, id
