select dispositivo, situacao, numero_inicial, numero_final, quantas, ponto_antes, ponto_depois, desde
from lacunas_recebidas(%(de)s, %(ate)s);
