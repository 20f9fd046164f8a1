-- Corrections in local time.
--
-- Here and in all that follows `momento` is the moment of which a report is; null: now. Rows are only ever added, with
-- the moment of their writing, so that those of then are still there.

create or replace function escrita_ate(escrita_em timestamptz, momento timestamptz) returns boolean
language sql immutable parallel safe
return momento is null or escrita_em <= momento;

comment on function escrita_ate is 'Whether a row that was written at escrita_em was there at momento, or (null) is now';

-- Apart from correcoes(), for whoever corrects may not see names.
create or replace function correcoes_sem_nome(
    de date, ate date, usuario bigint default null, momento timestamptz default null
)
returns table (
    id uuid, usuario_id bigint, fuso text, tipo text, ponto timestamptz, local timestamp, dia date, alvo uuid,
    motivo text, autor text, criada_em timestamptz, corte time, vale boolean
)
language sql stable parallel safe
begin atomic
    select
        feita.id, feita.usuario_id, aqui.fuso, feita.tipo, instante, aqui.local, aqui.dia, feita.alvo, feita.motivo,
        feita.autor, feita.criada_em, aqui.corte,
        feita.tipo <> 'anulacao'
        -- Neither it nor the addition that it disregards is undone
        and not exists (
            select
            from correcao as anulacao
            where anulacao.alvo in (feita.id, feita.alvo)
                and anulacao.tipo = 'anulacao'
                and escrita_ate(anulacao.criada_em, momento)
        )
        -- It is no addition that is disregarded
        and not exists (
            select
            from correcao as contra
            where contra.alvo = feita.id
                and contra.tipo = 'desconsideracao'
                and escrita_ate(contra.criada_em, momento)
                and not exists (
                    select
                    from correcao as anulacao
                    where anulacao.alvo = contra.id and escrita_ate(anulacao.criada_em, momento)
                )
        )
    from correcao as feita
        left join correcao as desfeita on feita.tipo = 'anulacao' and desfeita.id = feita.alvo
        left join batida on batida.id = coalesce(desfeita.alvo, feita.alvo)
        left join correcao as incluida on incluida.id = coalesce(desfeita.alvo, feita.alvo)
        left join funcionario on funcionario.usuario_id = feita.usuario_id
        cross join lateral (
            values (coalesce(feita.ponto, desfeita.ponto, batida.ponto, incluida.ponto))
        ) as corrigido (instante)
        cross join lateral hora_local(instante, funcionario.fuso, funcionario.corte) as aqui
    where do_usuario(feita.usuario_id, usuario)
        and feita.usuario_id <> usuario_reservado()
        and escrita_ate(feita.criada_em, momento)
        and aqui.dia between de and ate;
end;

create or replace function correcoes(
    de date, ate date, usuario bigint default null, momento timestamptz default null
)
returns table (
    id uuid, usuario_id bigint, nome text, fuso text, tipo text, ponto timestamptz, local timestamp, dia date, alvo uuid,
    motivo text, autor text, criada_em timestamptz, corte time, vale boolean
)
language sql stable parallel safe
begin atomic
    select
        id, usuario_id, nome, correcao.fuso, tipo, ponto, local, dia, alvo, motivo, autor, criada_em, correcao.corte, vale
    from correcoes_sem_nome(de, ate, usuario, momento) as correcao left join funcionario using (usuario_id);
end;

create or replace view correcao_local as select * from correcoes('-infinity', 'infinity');

comment on function correcoes_sem_nome is 'As correcoes(), without names';
comment on function correcoes is
    'Corrections of the working days from de to ate, of one employee or (null) of all, with the columns of the view '
    'correcao_local, as of a moment (null: now)';
comment on view correcao_local is 'Corrections, in the employee''s local time';
comment on column correcao_local.id is 'As in correcao';
comment on column correcao_local.usuario_id is 'Employee''s number';
comment on column correcao_local.nome is 'Employee''s name; null: not in funcionario';
comment on column correcao_local.fuso is 'Employee''s time zone, or the stage''s: that of local and dia';
comment on column correcao_local.tipo is 'inclusao, desconsideracao, or anulacao of one of these';
comment on column correcao_local.ponto is 'The punch that was added or disregarded; an instant';
comment on column correcao_local.local is 'The same in local time';
comment on column correcao_local.dia is 'Its working day';
comment on column correcao_local.alvo is
    'desconsideracao: id of the punch; anulacao: of the correction that it undoes; null: of an inclusao';
comment on column correcao_local.motivo is 'Why';
comment on column correcao_local.autor is 'Who answers for it';
comment on column correcao_local.criada_em is 'When it was written; an instant';
comment on column correcao_local.corte is 'Cut-off of the employee''s working day, local time';
comment on column correcao_local.vale is
    'Whether it counts: no anulacao, not undone, no disregarded inclusao, no desconsideracao of an undone inclusao';

revoke execute on function escrita_ate, correcoes_sem_nome, correcoes from public;
grant execute on function escrita_ate, correcoes_sem_nome, correcoes to ponto_reader;
grant select on correcao_local to ponto_reader;
