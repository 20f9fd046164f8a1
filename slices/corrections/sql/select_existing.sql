-- The correction that a retry found.
select id::text, usuario_id, ponto
from ponto.correcoes_vigentes()
where tipo = %(tipo)s
    and (alvo = %(alvo)s::uuid or usuario_id = %(usuario_id)s and ponto = %(ponto)s::timestamptz)
