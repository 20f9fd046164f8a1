-- replaces: reports/views/04_punches_that_count.sql
-- Corrections in local time.

-- Separate from correcoes(), because ponto_correctors may not read names.
create or replace function ponto.correcoes_sem_nome(
    de date, ate date, usuario bigint default null, momento timestamptz default null
)
returns table (
    id uuid, usuario_id bigint, fuso text, tipo text, ponto timestamptz, local timestamp, dia date, alvo uuid,
    motivo text, autor text, criada_em timestamptz, corte time, vale boolean
)
language sql stable parallel safe
begin atomic
    select
        correction.id, correction.usuario_id, local_time.fuso, correction.tipo, instante, local_time.local, local_time.dia,
        correction.alvo, correction.motivo, correction.autor, correction.criada_em, local_time.corte,
        correction.tipo <> 'anulacao'
        -- Neither this correction nor the addition that it disregards is undone.
        and not exists (
            select
            from ponto.correcao as undoing
            where undoing.alvo in (correction.id, correction.alvo)
                and undoing.tipo = 'anulacao'
                and ponto.escrita_ate(undoing.criada_em, momento)
        )
        -- It is not a disregarded addition.
        and not exists (
            select from ponto.correcoes_vigentes(momento) as disregarding where disregarding.alvo = correction.id
        )
    from ponto.correcao as correction
        left join ponto.correcao as undone on correction.tipo = 'anulacao' and undone.id = correction.alvo
        left join ponto.batida on batida.id = coalesce(undone.alvo, correction.alvo)
        left join ponto.correcao as addition on addition.id = coalesce(undone.alvo, correction.alvo)
        left join ponto.funcionario on funcionario.usuario_id = correction.usuario_id
        cross join lateral (
            values (coalesce(correction.ponto, undone.ponto, batida.ponto, addition.ponto))
        ) as corrected (instante)
        cross join lateral ponto.hora_local(instante, funcionario.fuso, funcionario.corte) as local_time
    where ponto.do_usuario(correction.usuario_id, usuario)
        and correction.usuario_id <> ponto.usuario_reservado()
        and ponto.escrita_ate(correction.criada_em, momento)
        and local_time.dia between de and ate;
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
        id, usuario_id, nome, correction.fuso, tipo, ponto, local, dia, alvo, motivo, autor, criada_em, correction.corte,
        vale
    from ponto.correcoes_sem_nome(de, ate, usuario, momento) as correction
        left join ponto.funcionario using (usuario_id);
end;

create or replace view ponto.correcao_local as select * from ponto.correcoes('-infinity', 'infinity');

comment on function ponto.correcoes is
    'Corrections of the working days from de to ate, of one employee or (null) of all, as of an instant (null: now)';
comment on function ponto.correcoes_sem_nome is 'Like correcoes(), without names';
comment on view ponto.correcao_local is 'Corrections, in the employee''s local time';
comment on column ponto.correcao_local.id is 'Id of the correction';
comment on column ponto.correcao_local.usuario_id is 'Employee''s number';
comment on column ponto.correcao_local.nome is 'Employee''s name; null: not in funcionario';
comment on column ponto.correcao_local.fuso is 'Employee''s time zone, or the stage''s: that of local and dia';
comment on column ponto.correcao_local.tipo is 'inclusao: a punch is added; desconsideracao: a punch is disregarded; anulacao: one of these is undone';
comment on column ponto.correcao_local.ponto is 'Instant of the punch that was added or disregarded';
comment on column ponto.correcao_local.local is 'Local time of that punch';
comment on column ponto.correcao_local.dia is 'Working day of that punch';
comment on column ponto.correcao_local.alvo is
    'desconsideracao: id of the punch; anulacao: id of the undone correction; null: inclusao';
comment on column ponto.correcao_local.motivo is 'Reason';
comment on column ponto.correcao_local.autor is 'Author: AWS identity or login; local: not verified';
comment on column ponto.correcao_local.criada_em is 'Instant at which the correction was written';
comment on column ponto.correcao_local.corte is 'Cut-off of the employee''s working day, local time';
comment on column ponto.correcao_local.vale is
    'Whether it has an effect; false: an anulacao, an undone correction, a disregarded inclusao, or a desconsideracao of an '
    'undone inclusao';
