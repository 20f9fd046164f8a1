lock table ponto.empregador in exclusive mode; -- blocks other writers, not readers
delete from ponto.empregador;
insert into ponto.empregador (identificacao) select %(employer)s where %(employer)s <> ''
