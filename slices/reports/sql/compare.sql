-- Numbers of given employees that are new, changed or unchanged, and number of other stored employees.
with given as (
    select *
    from jsonb_to_recordset(%(employees)s::jsonb) as given (usuario_id bigint, nome text, cpf text, fuso text, corte time)
),
compared as (
    select
        given.usuario_id is null as other,
        stored.usuario_id is null as new,
        (given.nome, given.cpf, given.fuso, given.corte)
        is distinct from (stored.nome, stored.cpf, stored.fuso, stored.corte) as different
    from given full join ponto.funcionario as stored using (usuario_id)
)
select
    count(*) filter (where not other and new) as inserted,
    count(*) filter (where not other and not new and different) as changed,
    count(*) filter (where not other and not new and not different) as unchanged,
    count(*) filter (where other) as others
from compared
