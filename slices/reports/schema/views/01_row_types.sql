-- What rows hold that are no view's.

-- Functions do not return rows of the table itself: they would stop when it gets another column.
create type ponto.batida_lida as (
    id uuid, usuario_id bigint, ponto timestamptz, dispositivo text, enviado timestamptz, recebida_em timestamptz,
    gravada_em timestamptz
);

comment on type ponto.batida_lida is 'What reports read of a row of batida';
comment on column ponto.batida_lida.id is 'As in batida';
comment on column ponto.batida_lida.usuario_id is 'As in batida';
comment on column ponto.batida_lida.ponto is 'As in batida';
comment on column ponto.batida_lida.dispositivo is 'As in batida';
comment on column ponto.batida_lida.enviado is 'As in batida';
comment on column ponto.batida_lida.recebida_em is 'As in batida';
comment on column ponto.batida_lida.gravada_em is 'As in batida';


create type ponto.espelho_total as (
    usuario_id bigint, nome text, cpf text, fuso text, dias_trabalhados int, minutos int, minutos_noturnos int,
    dias_incompletos int, dias_divididos int
);

comment on type ponto.espelho_total is 'A row of espelho_totais()';
comment on column ponto.espelho_total.usuario_id is 'Employee''s number';
comment on column ponto.espelho_total.nome is 'Employee''s name; null: not in funcionario';
comment on column ponto.espelho_total.cpf is 'CPF, 11 digits; null: not known';
comment on column ponto.espelho_total.fuso is 'Employee''s time zone, or the stage''s';
comment on column ponto.espelho_total.dias_trabalhados is 'Working days of the month that have punches';
comment on column ponto.espelho_total.minutos is 'Worked minutes';
comment on column ponto.espelho_total.minutos_noturnos is 'Of these, minutes between 22:00 and 05:00 local time';
comment on column ponto.espelho_total.dias_incompletos is 'Days with an odd count of punches';
comment on column ponto.espelho_total.dias_divididos is
    'Days that have minutos_descanso: the cut-off after them may split a shift';


create type ponto.excecao as (
    tipo text, usuario_id bigint, nome text, dia date, id uuid, local timestamp, dispositivo text, medida interval,
    batidas int
);

comment on type ponto.excecao is 'A row of excecoes()';
comment on column ponto.excecao.tipo is
    'incompleta: odd count of punches; longa: worked longer than jornada_maxima; proxima: within proximas of the '
    'employee''s punch before; futura: punched more than futuro after its receipt; atrasada: received more than atraso '
    'after it was punched; reaberta: a punch or a correction was written more than dias days after the working day '
    'ended; relogio: recebida_em and enviado lie more than desvio apart; dividida: less rest until the next working day '
    'than a shift leaves, see jornada.minutos_descanso; redefinida: received in these days and punched more than '
    'redefinicao away from that, as by a clock that was reset; incluida: a punch that somebody added; desconsiderada: '
    'one that somebody disregarded';
comment on column ponto.excecao.usuario_id is 'Employee''s number';
comment on column ponto.excecao.nome is 'Employee''s name; null: not in funcionario';
comment on column ponto.excecao.dia is
    'Working day, in the employee''s time zone: that of the punch; redefinida: that of its receipt';
comment on column ponto.excecao.id is
    'The punch''s id, as in batida_valida; incluida and desconsiderada: the correction''s; null: a whole day';
comment on column ponto.excecao.local is 'The punch''s local time, cut to the minute; null: a whole day';
comment on column ponto.excecao.dispositivo is 'The punch''s device, as it calls itself; null: a whole day, or not said';
comment on column ponto.excecao.medida is
    'What was measured. incompleta and longa: worked time; proxima: distance, of the times cut to the minute; futura: '
    'ponto - recebida_em; atrasada: recebida_em - ponto; reaberta: from the end of the working day to the last '
    'writing; relogio: recebida_em - enviado, below zero for a clock that is fast; dividida: from the last punch to the '
    'first of the next working day; redefinida: recebida_em - ponto; incluida and desconsiderada: from ponto to the '
    'correction';
comment on column ponto.excecao.batidas is
    'Punches concerned. incompleta, longa and dividida: the day''s; reaberta: those that were written late, and '
    'corrections; otherwise 1';


create type ponto.corte_sugerido as (
    usuario_id bigint, nome text, fuso text, corte time, dias int, divididos int, sugestao time, restantes int,
    folga interval
);

comment on type ponto.corte_sugerido is 'A row of cortes()';
comment on column ponto.corte_sugerido.usuario_id is 'Employee''s number';
comment on column ponto.corte_sugerido.nome is 'Employee''s name; null: not in funcionario';
comment on column ponto.corte_sugerido.fuso is 'Employee''s time zone, or the stage''s';
comment on column ponto.corte_sugerido.corte is 'Cut-off of the working day now, local time';
comment on column ponto.corte_sugerido.dias is 'Working days that have punches, with this cut-off';
comment on column ponto.corte_sugerido.divididos is 'Of these, those with minutos_descanso';
comment on column ponto.corte_sugerido.sugestao is 'Cut-off that splits fewer, local time; null: keep the present one';
comment on column ponto.corte_sugerido.restantes is 'Days after which it would split a shift still; null: sugestao is';
comment on column ponto.corte_sugerido.folga is
    'How far apart the punches around it lie on average, a day at most, cut to the minute; null: sugestao is';


create type ponto.minuto_do_pico as (
    minuto timestamptz, batidas int, recebidas int, gravadas int, fila int, idade interval
);

comment on type ponto.minuto_do_pico is 'A row of pico()';
comment on column ponto.minuto_do_pico.minuto is 'When the minute began; an instant';
comment on column ponto.minuto_do_pico.batidas is 'Punched in it, by the devices'' clocks';
comment on column ponto.minuto_do_pico.recebidas is
    'Received by the queue in it, of those that are stored by now: what still waits, or is a dead letter, is no row';
comment on column ponto.minuto_do_pico.gravadas is 'Written in it';
comment on column ponto.minuto_do_pico.fila is
    'Received and not yet written at its end, of those that are stored by now: dead letters that were sent back later '
    'included, up to 60 days, but not what still waits';
comment on column ponto.minuto_do_pico.idade is
    'Longest time from receipt to writing of those written in it; null: none was written';
