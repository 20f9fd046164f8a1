-- Employees who have time cards now or at one of two instants.
select usuario_id as employee_id from ponto.espelho_totais(%(mes)s)
union
select usuario_id from ponto.espelho_totais(%(mes)s, null, %(momento)s) where %(momento)s is not null
union
select usuario_id from ponto.espelho_totais(%(mes)s, null, %(antes)s) where %(antes)s is not null
order by employee_id;
