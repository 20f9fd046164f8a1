-- Until the end of the transaction, instants are returned in the employee's time zone.
select set_config('timezone', coalesce((select fuso from ponto.funcionario where usuario_id = %(usuario_id)s), ponto.fuso_padrao()), true)
