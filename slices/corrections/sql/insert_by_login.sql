-- For a person's own login: the author is the login, by the column's default. The trigger acts as in insert.sql.
insert into ponto.correcao (id, usuario_id, tipo, ponto, alvo, motivo)
values (%(id)s, %(usuario_id)s, %(tipo)s, %(ponto)s::timestamptz, %(alvo)s::uuid, %(motivo)s)
returning id::text, usuario_id, ponto
