-- An employee's time zone; of one who is not in funcionario the stage's.
select coalesce((select fuso from ponto.funcionario where usuario_id = %(usuario)s), ponto.fuso_padrao()) as name
