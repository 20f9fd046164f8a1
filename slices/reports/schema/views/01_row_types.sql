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
    'incompleta, longa, proxima, futura, atrasada, reaberta, relogio, dividida, redefinida, incluida or desconsiderada';
comment on column ponto.excecao.usuario_id is 'Employee''s number';
comment on column ponto.excecao.nome is 'Employee''s name; null: not in funcionario';
comment on column ponto.excecao.dia is
    'Working day of the punch in the employee''s time zone; redefinida: working day of the receipt';
comment on column ponto.excecao.id is
    'Id of the punch, as in batida_valida; incluida and desconsiderada: id of the correction; null: exception of a day';
comment on column ponto.excecao.local is 'Local time of the punch, truncated to the minute; null: exception of a day';
comment on column ponto.excecao.dispositivo is 'Device of the punch; null: not sent, or exception of a day';
comment on column ponto.excecao.medida is 'What the exception is measured by, which depends on tipo';
comment on column ponto.excecao.batidas is 'Number of punches, which depends on tipo';


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
    'Days on which sugestao would still split a shift; null if sugestao is null';
comment on column ponto.corte_sugerido.folga is
    'Average time between the punches before and after sugestao, each counted as a day at most, truncated to the minute; '
    'null if sugestao is null';
