-- Punches that count: here, all punches. A slice with corrections replaces this file; to find the file in use, run
-- `git grep "^-- replaces:"`, or select the file of `function batidas` from migracao_repetivel.

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
        registro.id, registro.usuario_id, nome, local_time.fuso, ponto, local_time.local, local_time.dia, 'batida',
        dispositivo, recebida_em, gravada_em, recebida_em - ponto, recebida_em - enviado, local_time.corte
    from ponto.batidas_lidas(de, ate, usuario, momento) as registro -- includes some days before and after
        left join ponto.funcionario
            on funcionario.usuario_id = registro.usuario_id and ponto.do_usuario(funcionario.usuario_id, usuario)
        cross join lateral ponto.hora_local(ponto, funcionario.fuso, funcionario.corte) as local_time
    where registro.usuario_id <> ponto.usuario_reservado()
        and (registro.usuario_id = usuario or usuario is null)
        and local_time.dia between coalesce(de, '-infinity') and coalesce(ate, 'infinity');
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

comment on function ponto.batidas is
    'Punches that count on the working days from de (null: no start) to ate (null: no end), of one employee or (null) of '
    'all, with the columns of the view batida_valida, as of an instant (null: now)';
comment on function ponto.correcoes is
    'Corrections of the working days from de to ate, of one employee or (null) of all, as of an instant (null: now)';
