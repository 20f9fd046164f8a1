-- The orders that run_count counts.
select id, loja, gravada_em
from ponto.batida
where
    ponto.semana(criado) = any(array(select ponto.semanas(%(desde)s, 'infinity')))
    and loja between %(primeiro)s and %(ultimo)s
order by loja
