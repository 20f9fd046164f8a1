-- By somebody with a login of their own, whom PostgreSQL vouches for. The trigger as in insert.sql.
insert into ponto.correcao (id, usuario_id, tipo, ponto, alvo, motivo)
values (%(id)s, %(usuario_id)s, %(tipo)s, %(ponto)s::timestamptz, %(alvo)s::uuid, %(motivo)s)
returning id::text, usuario_id, ponto
