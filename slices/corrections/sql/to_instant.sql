-- The instant of a local time in the employee's time zone.
select ponto.instante_local(%(usuario_id)s::bigint, %(ponto)s::timestamp)
