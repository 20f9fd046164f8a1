-- List the newest rows, with the time that each punch waited in the queue. Run it with the URL that `make run` prints:
-- psql URL -f examples/query_the_rows.sql
select id, usuario_id, ponto, gravada_em - recebida_em as waited
from ponto.batida
order by gravada_em desc
limit 10;
