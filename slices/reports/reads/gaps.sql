-- Gaps that became visible on these days. de null: no start; ate null: no end.
select dispositivo, situacao, numero_inicial, numero_final, quantas, ponto_antes, ponto_depois, desde
from ponto.lacunas_recebidas(coalesce(%(de)s::date, '-infinity'), coalesce(%(ate)s::date, 'infinity'));
