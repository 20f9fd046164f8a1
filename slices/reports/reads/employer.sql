select (select identificacao from empregador);
