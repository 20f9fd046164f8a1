-- The punches that run_count counts.
select id, usuario_id, gravada_em
from batida
where
    semana(ponto) = any(array(select semanas(%(desde)s, 'infinity')))
    and usuario_id between %(primeiro)s and %(ultimo)s
order by usuario_id
