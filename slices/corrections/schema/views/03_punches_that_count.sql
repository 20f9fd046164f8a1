-- replaces: reports/views/04_punches_that_count.sql
-- Punches that count: sent and added punches that are not disregarded. The reports' file that this file replaces has only
-- sent punches.

-- Only a union all and one anti-join, so that planning and reading a time card takes no longer than without corrections.
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
        registro.id, registro.usuario_id, nome, local_time.fuso, ponto, local_time.local, local_time.dia, origem,
        dispositivo, recebida_em, gravada_em, recebida_em - ponto, recebida_em - enviado, local_time.corte
    from (
        select id, usuario_id, ponto, 'batida', dispositivo, enviado, recebida_em, gravada_em
        from ponto.batidas_lidas(de, ate, usuario, momento)
        union all
        select id, usuario_id, ponto, 'inclusao', null, null, null, criada_em
        from ponto.correcao
        where tipo = 'inclusao' and ponto.do_usuario(usuario_id, usuario) and ponto.escrita_ate(criada_em, momento)
    ) as registro (id, usuario_id, ponto, origem, dispositivo, enviado, recebida_em, gravada_em)
        left join ponto.funcionario
            on funcionario.usuario_id = registro.usuario_id and ponto.do_usuario(funcionario.usuario_id, usuario)
        cross join lateral ponto.hora_local(ponto, funcionario.fuso, funcionario.corte) as local_time
    where registro.usuario_id <> ponto.usuario_reservado()
        and (registro.usuario_id = usuario or usuario is null)
        and local_time.dia between coalesce(de, '-infinity') and coalesce(ate, 'infinity')
        -- The punch is not disregarded, and is not an undone addition. No id is in both tables.
        and not exists (
            select
            from ponto.correcoes_vigentes(momento) as disregarding
            where disregarding.alvo = registro.id and ponto.do_usuario(disregarding.usuario_id, usuario)
        );
end;

comment on function ponto.batidas is
    'Punches that count in the working days from de (null: the first) to ate (null: the last), of one employee or (null) '
    'of all, with the columns of the view batida_valida, as of an instant (null: now)';
