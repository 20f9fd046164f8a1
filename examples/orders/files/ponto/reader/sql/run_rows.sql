-- The orders that run_count counts.
select id, loja, gravada_em
from batida
where
    semana(criado) = any(array(select semanas(%(desde)s, 'infinity')))
    and loja between %(primeiro)s and %(ultimo)s
order by loja
