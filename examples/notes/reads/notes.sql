select id, texto from ponto.nota order by id
