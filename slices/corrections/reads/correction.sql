-- Whose correction has an id, if it is one's.
select usuario_id, tipo from ponto.correcao where id = %(id)s::uuid
