select (select identificacao from ponto.empregador) as identificacao;
