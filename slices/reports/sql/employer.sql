lock table %(schema)s.empregador in exclusive mode; -- another run waits, and readers go on
delete from %(schema)s.empregador;
insert into %(schema)s.empregador (identificacao) select %(employer)s where %(employer)s <> ''
