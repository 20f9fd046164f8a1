select ponto.instante_local(%(usuario_id)s::bigint, %(ponto)s::timestamp)
