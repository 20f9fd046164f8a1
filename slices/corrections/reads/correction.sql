-- The employee and the kind of a correction; no row if no correction has this id.
select usuario_id, tipo from ponto.correcao where id = %(id)s::uuid
