-- The receipt of an id. A signed-in user gets receipts of their own punches only.
select
    id::text,
    usuario_id,
    ponto,
    recebida_em,
    gravada_em
from ponto.batida
where id = %(id)s
    and (%(employee_id)s is null or usuario_id = %(employee_id)s)
