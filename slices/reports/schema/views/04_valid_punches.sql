-- Punches that count: a view, and a function for an earlier instant.

create or replace view ponto.batida_valida as select * from ponto.batidas(null, null);

create or replace function ponto.batidas_em(momento timestamptz) returns setof ponto.batida_valida
language sql stable parallel safe
begin atomic
    select * from ponto.batidas(null, null, null, momento);
end;

comment on function ponto.batidas_em is
    'All punches that count, as of an instant (null: now). Punches copied from this project''s first version count at '
    'every instant';
comment on view ponto.batida_valida is
    'Punches that count: those of batida_local that no correction disregards, and those that corrections add';
comment on column ponto.batida_valida.id is 'As in batida; origem inclusao: id of the correction';
comment on column ponto.batida_valida.usuario_id is 'Employee''s number';
comment on column ponto.batida_valida.nome is 'Employee''s name; null: not in funcionario';
comment on column ponto.batida_valida.fuso is 'Employee''s time zone, or the stage''s: that of local and dia';
comment on column ponto.batida_valida.ponto is 'When the employee punched, or should have; an instant';
comment on column ponto.batida_valida.local is 'ponto in local time';
comment on column ponto.batida_valida.dia is 'Working day: the date of local minus the cut-off';
comment on column ponto.batida_valida.origem is 'batida: a punch; inclusao: added by a correction';
comment on column ponto.batida_valida.dispositivo is 'Name that the device sends';
comment on column ponto.batida_valida.recebida_em is
    'When the queue received it; an instant; null: added, or a punch of this project''s first version';
comment on column ponto.batida_valida.gravada_em is 'When the punch, or the correction, was written; an instant';
comment on column ponto.batida_valida.atraso_recebimento is 'recebida_em - ponto, as in batida_local';
comment on column ponto.batida_valida.desvio is 'recebida_em - enviado, as in batida_local';
comment on column ponto.batida_valida.corte is 'Cut-off of the employee''s working day, local time';
