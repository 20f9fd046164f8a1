-- What follows says instants as the employee's clock does.
select set_config('timezone', coalesce((select fuso from ponto.funcionario where usuario_id = %(usuario_id)s), ponto.fuso_padrao()), true)
