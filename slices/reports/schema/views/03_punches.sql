-- Punches in local time.
--
-- Three rules apply to this file and the following ones:
--   - Punches are truncated to the minute before anything is computed, so that the printed HH:MM give the same results.
--   - A working day is (local time - cut-off)::date, so that a night shift belongs to the day on which it began.
--   - Nothing depends on the session's TimeZone, which each client may set.

create or replace function ponto.corte_padrao() returns time
language sql immutable parallel safe
return time '04:00';

comment on function ponto.corte_padrao is 'Cut-off of employees without one in funcionario, local time';

create or replace function ponto.hora_local(instante timestamptz, seu_fuso text, seu_corte time)
returns table (fuso text, local timestamp, dia date, corte time)
language sql stable parallel safe
begin atomic
    select fuso, local, (local - corte)::date, corte
    from (
        select fuso, instante at time zone fuso as local, corte
        from (
            -- The scalar subquery is evaluated once per query.
            select coalesce(seu_fuso, (select ponto.fuso_padrao())), coalesce(seu_corte, ponto.corte_padrao())
        ) as zona (fuso, corte)
        offset 0 -- evaluates the expressions once per row, and not for each use
    ) as local_time;
end;

comment on function ponto.hora_local is
    'Local time and working day of an instant, by the time zone and cut-off of funcionario (null: the defaults)';

create or replace view ponto.batida_local as
select
    batida.id,
    batida.usuario_id,
    funcionario.nome,
    local_time.fuso,
    batida.ponto,
    local_time.local,
    local_time.dia,
    batida.deslocamento,
    batida.dispositivo,
    batida.offline,
    batida.enviado,
    batida.recebida_em,
    batida.gravada_em,
    batida.recebida_em - batida.ponto as atraso_recebimento,
    batida.gravada_em - batida.recebida_em as atraso_gravacao,
    batida.recebida_em - batida.enviado as desvio,
    local_time.corte,
    batida.latitude,
    batida.longitude,
    batida.precisao,
    batida.sequencia
from ponto.batida
    left join ponto.funcionario using (usuario_id)
    cross join lateral ponto.hora_local(batida.ponto, funcionario.fuso, funcionario.corte) as local_time
where batida.usuario_id <> ponto.usuario_reservado();

comment on view ponto.batida_local is
    'Punches as sent, in the employee''s local time, with the delays until receipt and writing';
comment on column ponto.batida_local.id is 'Idempotency key, as in batida';
comment on column ponto.batida_local.usuario_id is 'Employee''s number';
comment on column ponto.batida_local.nome is 'Employee''s name; null: not in funcionario';
comment on column ponto.batida_local.fuso is 'Employee''s time zone, or the stage''s: that of local and dia';
comment on column ponto.batida_local.ponto is 'When the employee punched, by the device''s clock; an instant';
comment on column ponto.batida_local.local is 'ponto in local time';
comment on column ponto.batida_local.dia is 'Working day: the date of local minus the cut-off';
comment on column ponto.batida_local.deslocamento is 'UTC offset that the device sent, minutes east; null: not sent';
comment on column ponto.batida_local.dispositivo is 'Name that the device sends';
comment on column ponto.batida_local.offline is 'Whether the device was offline at the punch; null: not sent';
comment on column ponto.batida_local.enviado is
    'When the device sent the punch, by its clock; an instant; null: not sent';
comment on column ponto.batida_local.recebida_em is
    'When the queue received it; an instant; null: a punch of this project''s first version';
comment on column ponto.batida_local.gravada_em is 'When the row was written; an instant';
comment on column ponto.batida_local.atraso_recebimento is 'recebida_em - ponto; negative for a clock that is fast';
comment on column ponto.batida_local.atraso_gravacao is 'gravada_em - recebida_em: time in the queue';
comment on column ponto.batida_local.desvio is
    'recebida_em - enviado: clock skew and transmission time; negative for a clock that is fast; null if enviado is null';
comment on column ponto.batida_local.corte is 'Cut-off of the employee''s working day, local time';
comment on column ponto.batida_local.latitude is 'Degrees north of the equator.';
comment on column ponto.batida_local.longitude is 'Degrees east of Greenwich.';
comment on column ponto.batida_local.precisao is 'Radius in metres within which the position is certain.';
comment on column ponto.batida_local.sequencia is 'Number that the device gave the punch: 1, 2, 3, ...';

-- Uses the index on week and employee.
create or replace function ponto.batidas_enviadas(de date, ate date, usuario bigint) returns setof ponto.batida_local
language sql stable parallel safe
begin atomic
    select *
    from ponto.batida_local
    where usuario_id = usuario
        and dia between de and ate
        and ponto.semana(ponto) = any(array(select semana from ponto.semanas(ponto.antes_do_dia(de), ponto.depois_do_dia(ate)) as semana));
end;

comment on function ponto.batidas_enviadas is
    'An employee''s punches of the working days from de to ate as sent, with the columns of the view batida_local';
