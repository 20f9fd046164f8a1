-- An employee's time zone, and the row of funcionario (null: none).
select coalesce(fuso, (select ponto.fuso_padrao())) as fuso, row_to_json(funcionario) as funcionario
from (values (%(employee_id)s::bigint)) as pessoa (usuario_id) left join ponto.funcionario using (usuario_id)
