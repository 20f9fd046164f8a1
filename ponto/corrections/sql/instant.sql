select instante_local(%(usuario_id)s, %(ponto)s::timestamp)
