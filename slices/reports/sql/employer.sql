delete from ponto.empregador;
insert into ponto.empregador (identificacao) select %(employer)s where %(employer)s <> ''
