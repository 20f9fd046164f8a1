lock table ponto.funcionario in share row exclusive mode
