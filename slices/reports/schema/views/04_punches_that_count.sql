-- Punches that count: all that were sent. A slice by which punches are added and disregarded replaces batidas() and
-- correcoes().

create or replace function ponto.batidas(
    de date, ate date, usuario bigint default null, momento timestamptz default null
)
returns table (
    id uuid, usuario_id bigint, nome text, fuso text, ponto timestamptz, local timestamp, dia date, origem text,
    dispositivo text, recebida_em timestamptz, gravada_em timestamptz, atraso_recebimento interval, desvio interval,
    corte time
)
language sql stable parallel safe
begin atomic
    select
        registro.id, registro.usuario_id, nome, aqui.fuso, ponto, aqui.local, aqui.dia, 'batida', dispositivo, recebida_em,
        gravada_em, recebida_em - ponto, recebida_em - enviado, aqui.corte
    from ponto.batidas_lidas(de, ate, usuario, momento) as registro -- rows of batida, of these days and some more
        left join ponto.funcionario
            on funcionario.usuario_id = registro.usuario_id and ponto.do_usuario(funcionario.usuario_id, usuario)
        cross join lateral ponto.hora_local(ponto, funcionario.fuso, funcionario.corte) as aqui
    where registro.usuario_id <> ponto.usuario_reservado()
        and (registro.usuario_id = usuario or usuario is null)
        and aqui.dia between coalesce(de, '-infinity') and coalesce(ate, 'infinity');
end;

create or replace function ponto.correcoes(
    de date, ate date, usuario bigint default null, momento timestamptz default null
)
returns table (
    id uuid, usuario_id bigint, nome text, fuso text, tipo text, ponto timestamptz, local timestamp, dia date, alvo uuid,
    motivo text, autor text, criada_em timestamptz, corte time, vale boolean
)
language sql stable parallel safe
begin atomic
    select
        null::uuid, null::bigint, null, null, null, null::timestamptz, null::timestamp, null::date, null::uuid, null, null,
        null::timestamptz, null::time, null::boolean
    where false;
end;

create or replace view ponto.batida_valida as select * from ponto.batidas(null, null);

create or replace function ponto.batidas_em(momento timestamptz) returns setof ponto.batida_valida
language sql stable parallel safe
begin atomic
    select * from ponto.batidas(null, null, null, momento);
end;

comment on function ponto.batidas is
    'Punches that count in the working days from de (null: the first) to ate (null: the last), of one employee or (null) '
    'of all, with the columns of the view batida_valida, as of an instant (null: now)';
comment on function ponto.correcoes is
    'Corrections of the working days from de to ate, of one employee or (null) of all, as of an instant (null: now)';
comment on function ponto.batidas_em is
    'All punches that count, as of an instant (null: now). Those of the first version count at every instant';
comment on view ponto.batida_valida is
    'Punches that count: those of batida_local that nobody disregarded, and those that somebody added';
comment on column ponto.batida_valida.id is 'As in batida; origem inclusao: the correction''s';
comment on column ponto.batida_valida.usuario_id is 'Employee''s number';
comment on column ponto.batida_valida.nome is 'Employee''s name; null: not in funcionario';
comment on column ponto.batida_valida.fuso is 'Employee''s time zone, or the stage''s: that of local and dia';
comment on column ponto.batida_valida.ponto is 'When the employee punched, or should have; an instant';
comment on column ponto.batida_valida.local is 'The same in local time';
comment on column ponto.batida_valida.dia is 'Working day: the date of local less the cut-off';
comment on column ponto.batida_valida.origem is 'batida: a punch; inclusao: added by a correction';
comment on column ponto.batida_valida.dispositivo is 'Device, as it calls itself';
comment on column ponto.batida_valida.recebida_em is
    'When the queue received it; an instant; null: added, or a punch of this project''s first version';
comment on column ponto.batida_valida.gravada_em is 'When the punch, or the correction, was written; an instant';
comment on column ponto.batida_valida.atraso_recebimento is 'recebida_em - ponto, as in batida_local';
comment on column ponto.batida_valida.desvio is 'recebida_em - enviado, as in batida_local';
comment on column ponto.batida_valida.corte is 'Cut-off of the employee''s working day, local time';
