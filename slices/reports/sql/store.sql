-- Store employees. A row that stands the same is not written again.
insert into ponto.funcionario as stands (usuario_id, nome, cpf, fuso, corte)
select *
from jsonb_to_recordset(%(employees)s::jsonb) as given (usuario_id bigint, nome text, cpf text, fuso text, corte time)
on conflict (usuario_id) do update
set nome = excluded.nome, cpf = excluded.cpf, fuso = excluded.fuso, corte = excluded.corte
where (stands.nome, stands.cpf, stands.fuso, stands.corte)
    is distinct from (excluded.nome, excluded.cpf, excluded.fuso, excluded.corte)
