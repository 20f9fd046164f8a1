-- The receipt of an id. With a sign-in there are receipts of its employee only.
select
    id::text,
    usuario_id,
    ponto,
    recebida_em,
    gravada_em
from ponto.batida
where id = %(id)s
    and (%(employee_id)s::bigint is null or usuario_id = %(employee_id)s)
