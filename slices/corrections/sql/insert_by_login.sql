-- For a personal login, which the column's default makes the author. The trigger acts as in insert.sql.
insert into ponto.correcao (id, usuario_id, tipo, ponto, alvo, motivo)
values (%(id)s, %(usuario_id)s, %(tipo)s, %(ponto)s::timestamptz, %(alvo)s::uuid, %(motivo)s)
returning id::text, usuario_id, ponto
