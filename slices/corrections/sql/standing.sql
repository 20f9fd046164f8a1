-- The correction that a retry found.
select id::text, usuario_id, ponto
from correcao
where tipo = %(tipo)s
    and (alvo = %(alvo)s::uuid or usuario_id = %(usuario_id)s and ponto = %(ponto)s::timestamptz)
    and not exists (select from correcao as outra where outra.tipo = 'anulacao' and outra.alvo = correcao.id)
