lock table ponto.empregador in exclusive mode; -- another run waits, and readers go on
delete from ponto.empregador;
insert into ponto.empregador (identificacao) select %(employer)s where %(employer)s <> ''
