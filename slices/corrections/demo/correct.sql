-- Adds the missing end of one working day of the month: the first with three punches, by employee and day. The correction
-- is written the next day.
insert into ponto.correcao (tipo, usuario_id, ponto, motivo, autor, criada_em)
select
    'inclusao', usuario_id, pontos[3] + interval '4 hours', 'forgot to punch out', 'made up',
    greatest((dia + 1)::timestamp at time zone 'UTC' + interval '12 hours', pontos[3] + interval '5 hours')
from ponto.jornadas(ponto.primeiro_dia(%(last)s), %(last)s)
where batidas = 3
    and pontos[2] - pontos[1] >= interval '3 hours'
    and pontos[3] - pontos[2] <= interval '2 hours'
    and usuario_id between %(first_employee_id)s and %(last_employee_id)s
order by usuario_id, dia
limit 1
