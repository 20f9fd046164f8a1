select count(*), max(loja)
from batida
where
    semana(criado) = any(array(select semanas(%(desde)s, 'infinity')))
    and loja between %(primeiro)s and %(ultimo)s
