-- Insert or update employees. A row that has not changed is not written.
insert into ponto.funcionario as stored (usuario_id, nome, cpf, fuso, corte)
select *
from jsonb_to_recordset(%(employees)s::jsonb) as given (usuario_id bigint, nome text, cpf text, fuso text, corte time)
on conflict (usuario_id) do update
set nome = excluded.nome, cpf = excluded.cpf, fuso = excluded.fuso, corte = excluded.corte
where (stored.nome, stored.cpf, stored.fuso, stored.corte)
    is distinct from (excluded.nome, excluded.cpf, excluded.fuso, excluded.corte)
