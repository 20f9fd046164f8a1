-- A day that is null: from the first, to the last.
select dispositivo, situacao, numero_inicial, numero_final, quantas, ponto_antes, ponto_depois, desde
from ponto.lacunas_recebidas(coalesce(%(de)s::date, '-infinity'), coalesce(%(ate)s::date, 'infinity'));
