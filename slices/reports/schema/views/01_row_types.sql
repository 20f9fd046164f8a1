-- Row types of functions.

-- Functions do not return the row type of the table itself, because they would fail when the table gets another column.
create type ponto.batida_lida as (
    id uuid, usuario_id bigint, ponto timestamptz, dispositivo text, enviado timestamptz, recebida_em timestamptz,
    gravada_em timestamptz
);

comment on type ponto.batida_lida is 'Columns of batida that reports read';
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
comment on column ponto.espelho_total.dias_incompletos is 'Days with an odd number of punches';
comment on column ponto.espelho_total.dias_divididos is
    'Days with minutos_descanso: the cut-off after them may split a shift';


create type ponto.excecao as (
    tipo text, usuario_id bigint, nome text, dia date, id uuid, local timestamp, dispositivo text, medida interval,
    batidas int
);

comment on type ponto.excecao is 'A row of excecoes()';
comment on column ponto.excecao.tipo is
    'incompleta: odd number of punches; longa: more time worked than jornada_maxima; proxima: at most proximas after the '
    'employee''s previous punch; futura: time more than futuro after the receipt; atrasada: received more than atraso '
    'after its time; reaberta: a punch or a correction was written more than dias days after the end of the working '
    'day; relogio: recebida_em and enviado differ by more than desvio; dividida: too little rest until the next '
    'working day, see jornada.minutos_descanso; redefinida: received on these days, with a time more than redefinicao '
    'before or after the receipt, as from a clock that was reset; incluida: punch added by a correction; '
    'desconsiderada: punch disregarded by a correction';
comment on column ponto.excecao.usuario_id is 'Employee''s number';
comment on column ponto.excecao.nome is 'Employee''s name; null: not in funcionario';
comment on column ponto.excecao.dia is
    'Working day of the punch in the employee''s time zone; redefinida: working day of the receipt';
comment on column ponto.excecao.id is
    'Id of the punch, as in batida_valida; incluida and desconsiderada: id of the correction; null: exception of a day';
comment on column ponto.excecao.local is 'Local time of the punch, truncated to the minute; null: exception of a day';
comment on column ponto.excecao.dispositivo is 'Device of the punch; null: not sent, or exception of a day';
comment on column ponto.excecao.medida is
    'Measure. incompleta and longa: time worked; proxima: distance between the times truncated to the minute; futura: '
    'ponto - recebida_em; atrasada: recebida_em - ponto; reaberta: from the end of the working day to the last '
    'writing; relogio: recebida_em - enviado, negative for a clock that is fast; dividida: from the last punch to the '
    'first of the next working day; redefinida: recebida_em - ponto; incluida and desconsiderada: from ponto to the '
    'writing of the correction';
comment on column ponto.excecao.batidas is
    'Number of punches. incompleta, longa and dividida: of the day; reaberta: punches and corrections that were written '
    'late; otherwise 1';


create type ponto.corte_sugerido as (
    usuario_id bigint, nome text, fuso text, corte time, dias int, divididos int, sugestao time, restantes int,
    folga interval
);

comment on type ponto.corte_sugerido is 'A row of cortes()';
comment on column ponto.corte_sugerido.usuario_id is 'Employee''s number';
comment on column ponto.corte_sugerido.nome is 'Employee''s name; null: not in funcionario';
comment on column ponto.corte_sugerido.fuso is 'Employee''s time zone, or the stage''s';
comment on column ponto.corte_sugerido.corte is 'Current cut-off of the working day, local time';
comment on column ponto.corte_sugerido.dias is 'Working days with punches, by this cut-off';
comment on column ponto.corte_sugerido.divididos is 'Of these, days with minutos_descanso';
comment on column ponto.corte_sugerido.sugestao is
    'Cut-off that splits fewer shifts, local time; null: keep the current one';
comment on column ponto.corte_sugerido.restantes is
    'Days after which sugestao would still split a shift; null if sugestao is null';
comment on column ponto.corte_sugerido.folga is
    'Average time between the punches before and after sugestao, each counted as a day at most, truncated to the minute; '
    'null if sugestao is null';
