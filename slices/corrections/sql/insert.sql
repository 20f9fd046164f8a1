-- By the function, which knows whom AWS vouches for. The trigger `regras` fills in what is null, and skips a retry.
insert into ponto.correcao (id, usuario_id, tipo, ponto, alvo, motivo, autor)
values (%(id)s, %(usuario_id)s, %(tipo)s, %(ponto)s::timestamptz, %(alvo)s::uuid, %(motivo)s, %(author)s)
returning id::text, usuario_id, ponto
