-- For the function, which gets the author from AWS. The trigger `regras` fills in a null id or employee, and inserts no row
-- for a correction that exists already.
insert into ponto.correcao (id, usuario_id, tipo, ponto, alvo, motivo, autor)
values (%(id)s, %(usuario_id)s, %(tipo)s, %(ponto)s::timestamptz, %(alvo)s::uuid, %(motivo)s, %(author)s)
returning id::text, usuario_id, ponto
