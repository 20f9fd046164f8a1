-- An employee's time zone; of one who is not in funcionario the stage's.
select coalesce((select fuso from funcionario where usuario_id = %(usuario)s), fuso_padrao())
