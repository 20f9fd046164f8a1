-- An employee's corrections, with all columns of the table.
select row_to_json(correcao) as registro
from ponto.correcao
where usuario_id = %(employee_id)s
order by criada_em, id
