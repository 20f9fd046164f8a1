-- Those of the given punches that are disregarded, each with the correction that disregards it.
select alvo::text, id::text
from ponto.correcao as disregarding
where alvo = any(%(ids)s::uuid[])
    and tipo = 'desconsideracao'
    and not exists (select from ponto.correcao as undoing where undoing.alvo = disregarding.id)
