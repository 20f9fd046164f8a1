lock table empregador in exclusive mode; -- another run waits, and readers go on
delete from empregador;
insert into empregador (identificacao) select %(employer)s where %(employer)s <> ''
