-- The rules for all corrections, whichever role writes them. The functions run with that role's rights. They search
-- pg_catalog only, as an overloaded function that another role planted in a schema could run instead.

create function ponto.correcao_usuario(nova ponto.correcao) returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    usuario bigint;
begin
    if nova.tipo = 'inclusao' then
        if nova.ponto > nova.criada_em then
            raise exception '% is in the future', nova.ponto using errcode = 'check_violation';
        end if;
        if not exists (select from ponto.funcionario where usuario_id = nova.usuario_id)
            and not exists (select from ponto.correcao where usuario_id = nova.usuario_id)
            and not exists (
                select
                from ponto.batida
                where usuario_id = nova.usuario_id
                    -- Typed literals: for untyped ones, PostgreSQL could prefer a planted function with text parameters.
                    and ponto.semana(ponto) = any(
                        array(select ponto.semanas(timestamptz '-infinity', timestamptz 'infinity'))
                    )
            )
        then
            raise exception 'employee % is not known: no punch, and no row of funcionario', nova.usuario_id
            using errcode = 'check_violation';
        end if;
        return nova.usuario_id;
    end if;

    if nova.tipo = 'desconsideracao' then
        select usuario_id into usuario
        from (
            select usuario_id from ponto.batida where id = nova.alvo
            union all
            select usuario_id from ponto.correcoes_vigentes() where id = nova.alvo and tipo = 'inclusao'
        ) as contada;
        if not found then
            raise exception '% is no punch, and no addition that counts', nova.alvo using errcode = 'check_violation';
        end if;
    else
        select usuario_id into usuario from ponto.correcao where id = nova.alvo and tipo <> 'anulacao';
        if not found then
            raise exception '% is no correction that can be undone', nova.alvo using errcode = 'check_violation';
        end if;
    end if;
    if nova.usuario_id <> usuario then
        raise exception '% is of another employee than %', nova.alvo, nova.usuario_id using errcode = 'check_violation';
    end if;
    return usuario;
end
$$;

comment on function ponto.correcao_usuario is
    'Employee of a correction; refuses a correction whose employee, target or instant is invalid';

-- docs/derived-ids.md describes the derivation.
create function ponto.correcao_id(nova ponto.correcao, desfeitas bigint) returns uuid
language sql stable begin atomic
    select encode(
        set_byte(
            set_byte(set_byte(id, 0, get_byte(id, 0) & 15 | 192), 6, get_byte(id, 6) & 15 | 128),
            8,
            get_byte(id, 8) & 63 | 128
        ),
        'hex'
    )::uuid
    from (
        select substr(
            sha256(convert_to(
                concat_ws(
                    '|',
                    'correcao',
                    nova.tipo,
                    case nova.tipo when 'inclusao' then nova.usuario_id end,
                    to_char(nova.ponto at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                    nova.alvo,
                    desfeitas
                ),
                'UTF8'
            )),
            1,
            16
        )
    ) as derivado (id);
end;

comment on function ponto.correcao_id is 'Id of a correction, derived from its columns and from the number of equal corrections that were undone';

create function ponto.correcao_regras() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    desfeitas bigint; -- number of equal corrections that were undone
    vigente uuid; -- the equal correction that is in effect
    motivo_vigente text;
    desconsiderada uuid; -- the correction that disregards `vigente`
begin
    -- Corrections are written one after the other, and each must see those that were committed before. At a higher
    -- isolation level the snapshot would be older than the lock.
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'corrections are written in transactions that are read committed'
        using errcode = 'invalid_transaction_state';
    end if;
    perform pg_advisory_xact_lock(0x636f72726563616f); -- "correcao" in ASCII
    -- Set after the lock, so that the times have the order of the commits. A restored row keeps its time.
    if new.criada_em >= transaction_timestamp() then
        new.criada_em := clock_timestamp();
    end if;
    new.usuario_id := ponto.correcao_usuario(new);

    select count(*) filter (where vigentes.id is null), max(vigentes.id::text), max(vigentes.motivo)
    into desfeitas, vigente, motivo_vigente
    from ponto.correcao as igual left join ponto.correcoes_vigentes() as vigentes using (id)
    where igual.usuario_id = new.usuario_id
        and igual.tipo = new.tipo
        and igual.ponto is not distinct from new.ponto
        and igual.alvo is not distinct from new.alvo;
    new.id := coalesce(new.id, ponto.correcao_id(new, desfeitas));

    select id into desconsiderada
    from ponto.correcoes_vigentes()
    where tipo = 'desconsideracao' and alvo = vigente;
    if found then
        raise exception '% was added, and is disregarded by correction %: undo that one', new.ponto, desconsiderada
        using errcode = 'check_violation';
    end if;
    if vigente = new.id and motivo_vigente = new.motivo then
        return null; -- repeated
    end if;
    if vigente is not null then
        raise exception '% % already, by correction %',
            coalesce(new.alvo::text, new.ponto::text),
            case new.tipo when 'inclusao' then 'is added' when 'anulacao' then 'is undone' else 'is disregarded' end,
            vigente
        using errcode = 'check_violation';
    end if;
    if exists (select from ponto.batida where id = new.id) or exists (select from ponto.correcao where id = new.id) then
        raise exception 'the id % is taken; choose another one (--id)', new.id using errcode = 'check_violation';
    end if;
    return new;
end
$$;

comment on function ponto.correcao_regras is 'Sets id and usuario_id, refuses a correction that contradicts an earlier one, and ignores a repeated one';

create trigger regras before insert on ponto.correcao
for each row execute function ponto.correcao_regras();

-- An open transaction blocks all other corrections, and reports as of an earlier instant. Reports do not rely on this
-- check, as a session can avoid it by `set constraints all immediate`.
create function ponto.correcao_a_tempo() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if new.criada_em >= transaction_timestamp() and clock_timestamp() > new.criada_em + interval '1 minute' then
        raise exception 'the transaction took longer than a minute after correction %; nothing was written', new.id
        using errcode = 'serialization_failure', hint = 'Do it again, and commit at once.';
    end if;
    return null;
end
$$;

comment on function ponto.correcao_a_tempo is 'Refuses to commit a correction later than a minute after it was written';

create constraint trigger a_tempo after insert on ponto.correcao deferrable initially deferred
for each row execute function ponto.correcao_a_tempo();
