-- An employee's time zone, or the stage's for an employee without one.
select coalesce((select fuso from ponto.funcionario where usuario_id = %(employee_id)s), ponto.fuso_padrao()) as name
