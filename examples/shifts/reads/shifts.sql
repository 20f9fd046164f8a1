select id from ponto.turno order by id
