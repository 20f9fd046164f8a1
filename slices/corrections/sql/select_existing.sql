-- The correction for which insert.sql inserted no row, because it exists already.
select id::text, usuario_id, ponto
from ponto.correcoes_vigentes()
where tipo = %(tipo)s
    and (alvo = %(alvo)s::uuid or usuario_id = %(usuario_id)s and ponto = %(ponto)s::timestamptz)
