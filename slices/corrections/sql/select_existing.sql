-- The existing correction because of which insert.sql inserted no row.
select id::text, usuario_id, ponto
from ponto.correcoes_vigentes()
where tipo = %(tipo)s
    and (alvo = %(alvo)s::uuid or usuario_id = %(usuario_id)s and ponto = %(ponto)s::timestamptz)
