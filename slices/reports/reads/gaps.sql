-- Gaps that became visible on these days.
select dispositivo, situacao, numero_inicial, numero_final, quantas, ponto_antes, ponto_depois, desde
from ponto.lacunas_recebidas(%(de)s, %(ate)s);
