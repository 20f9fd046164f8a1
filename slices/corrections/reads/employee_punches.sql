-- An employee's punches and additions between two instants, in local time too, each with the id of the correction that
-- disregards it (null: it counts). It reads only columns that ponto_correctors may read.
select
    registro.id::text as id,
    ponto,
    ponto at time zone coalesce((select fuso from ponto.funcionario where usuario_id = %(employee_id)s), ponto.fuso_padrao()) as local,
    e_incluida,
    (
        select disregarding.id::text
        from ponto.correcoes_vigentes() as disregarding
        where disregarding.alvo = registro.id and disregarding.tipo = 'desconsideracao'
    ) as desconsiderada_por
from (
    select id, ponto, false
    from ponto.batida
    where usuario_id = %(employee_id)s and ponto.semana(ponto) = any(array(select ponto.semanas(%(de)s, %(ate)s)))
    union all
    select id, ponto, true
    from ponto.correcoes_vigentes()
    where usuario_id = %(employee_id)s and tipo = 'inclusao'
) as registro (id, ponto, e_incluida)
where ponto >= %(de)s and ponto < %(ate)s
order by ponto, registro.id
