insert into ponto.solicitacao (id, usuario_id, tipo, ponto, batida_id, motivo, autenticada)
values (%(id)s, %(usuario_id)s, %(tipo)s, %(instant)s, %(batida_id)s, %(motivo)s, %(autenticada)s)
on conflict (id) do nothing
returning id
