-- What storing these employees would do: how many are new, stand otherwise, stand the same, and how many others stand.
with given as (
    select *
    from jsonb_to_recordset(%(employees)s::jsonb) as given (usuario_id bigint, nome text, cpf text, fuso text, corte time)
),
compared as (
    select
        given.usuario_id is null as other,
        stands.usuario_id is null as new,
        (given.nome, given.cpf, given.fuso, given.corte)
        is distinct from (stands.nome, stands.cpf, stands.fuso, stands.corte) as different
    from given full join ponto.funcionario as stands using (usuario_id)
)
select
    count(*) filter (where not other and new) as inserted,
    count(*) filter (where not other and not new and different) as changed,
    count(*) filter (where not other and not new and not different) as unchanged,
    count(*) filter (where other) as others
from compared
