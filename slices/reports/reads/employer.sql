select (select identificacao from ponto.empregador);
