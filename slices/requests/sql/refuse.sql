-- Refuses a request that waits, or whose punch was corrected otherwise.
insert into ponto.recusa (solicitacao_id, motivo, autor)
select id, %(motivo)s, %(autor)s
from ponto.solicitacao_situacao
where id = %(id)s::uuid and situacao in ('aguardando', 'corrigida')
on conflict do nothing
returning solicitacao_id
