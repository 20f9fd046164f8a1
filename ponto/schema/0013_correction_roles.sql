-- Who may write corrections, and the rules that all of them obey.

-- Roles belong to the whole server: another database on it may have made them, or be making them.
do $$
declare
    wanted record;
begin
    for wanted in
        select *
        from (values ('ponto_corrections', 'login'), ('ponto_correctors', 'nologin')) as given (role, kind)
        where not exists (select from pg_roles where rolname = role)
    loop
        begin
            execute format('create role %I %s', wanted.role, wanted.kind); -- no password: nobody signs in with one yet
        exception
            when duplicate_object or unique_violation then
                null; -- made meanwhile
        end;
    end loop;
exception
    when insufficient_privilege then
        raise exception '% may not make the roles ponto_corrections and ponto_correctors: %', current_user, sqlerrm
        using
            errcode = 'insufficient_privilege',
            hint = format('As an administrator: alter role %I createrole. Then try again.', current_user);
end
$$;

-- PUBLIC has these unless somebody took them away.
do $$
declare
    role name;
begin
    foreach role in array array['ponto_corrections', 'ponto_correctors'] loop
        if not has_database_privilege(role, current_database(), 'connect') then
            execute format('grant connect on database %I to %I', current_database(), role);
        end if;
        if not has_schema_privilege(role, current_schema(), 'usage') then
            execute format('grant usage on schema %I to %I', current_schema(), role);
        end if;
    end loop;
end
$$;

-- The function's role writes down whom AWS vouches for. People have logins of their own, members of the other role, and
-- PostgreSQL vouches for them: nobody but the owner says when a row was written.
grant insert (id, usuario_id, tipo, ponto, alvo, motivo, autor) on correcao to ponto_corrections;
grant insert (id, usuario_id, tipo, ponto, alvo, motivo) on correcao to ponto_correctors;

-- What the rules below read, and an employee's time zone.
grant select on correcao to ponto_corrections, ponto_correctors;
grant select (id, usuario_id, ponto) on batida to ponto_corrections, ponto_correctors;
grant select (usuario_id, fuso) on funcionario to ponto_corrections, ponto_correctors;
grant select (corte) on funcionario to ponto_correctors; -- the list of corrections

create function correcao_regras() returns trigger
language plpgsql as $$
declare
    usuario bigint; -- whose the target is
    desfeitas bigint; -- how many corrections like this one were undone
    vigente uuid; -- the one that stands
    motivo_vigente text;
    desconsiderada uuid; -- what lets the one that stands not count
begin
    -- One after the other, and each sees what was committed before it: a snapshot of an earlier moment would not.
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'corrections are written in transactions that are read committed'
        using errcode = 'invalid_transaction_state';
    end if;
    perform pg_advisory_xact_lock(0x636f72726563616f); -- as in ponto/reader/sql/settled.sql
    -- After the wait, so that the moments have the order of the commits. What is restored keeps its own.
    if new.criada_em >= transaction_timestamp() then
        new.criada_em := clock_timestamp();
    end if;

    if new.tipo = 'inclusao' then
        if new.ponto > new.criada_em then
            raise exception '% is in the future', new.ponto using errcode = 'check_violation';
        end if;
        if not exists (select from funcionario where usuario_id = new.usuario_id)
            and not exists (select from correcao where usuario_id = new.usuario_id)
            and not exists (
                select
                from batida
                where usuario_id = new.usuario_id
                    and semana(ponto) = any(array(select semanas('-infinity', 'infinity')))
            )
        then
            raise exception 'employee % is not known: no punch, and no row of funcionario', new.usuario_id
            using errcode = 'check_violation';
        end if;
    else
        if new.tipo = 'desconsideracao' then
            select usuario_id into usuario
            from (
                select usuario_id from batida where id = new.alvo
                union all
                select usuario_id
                from correcao
                where id = new.alvo
                    and tipo = 'inclusao'
                    and not exists (select from correcao where tipo = 'anulacao' and alvo = new.alvo)
            ) as contada;
            if not found then
                raise exception '% is no punch, and no addition that counts', new.alvo using errcode = 'check_violation';
            end if;
        else
            select usuario_id into usuario from correcao where id = new.alvo and tipo <> 'anulacao';
            if not found then
                raise exception '% is no correction that can be undone', new.alvo using errcode = 'check_violation';
            end if;
        end if;
        if new.usuario_id <> usuario then
            raise exception '% is of another employee than %', new.alvo, new.usuario_id using errcode = 'check_violation';
        end if;
        new.usuario_id := usuario;
    end if;

    select
        count(*) filter (where desfeita),
        max(id::text) filter (where not desfeita),
        max(motivo) filter (where not desfeita)
    into desfeitas, vigente, motivo_vigente
    from (
        select
            id,
            motivo,
            exists (select from correcao as outra where outra.tipo = 'anulacao' and outra.alvo = correcao.id) as desfeita
        from correcao
        where usuario_id = new.usuario_id
            and tipo = new.tipo
            and ponto is not distinct from new.ponto
            and alvo is not distinct from new.alvo
    ) as iguais;

    -- docs/derived-ids.md explains it.
    new.id := coalesce(
        new.id,
        (
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
                            new.tipo,
                            case new.tipo when 'inclusao' then new.usuario_id end,
                            to_char(new.ponto at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                            new.alvo,
                            desfeitas
                        ),
                        'UTF8'
                    )),
                    1,
                    16
                )
            ) as derivado (id)
        )
    );
    select id into desconsiderada
    from correcao
    where tipo = 'desconsideracao'
        and alvo = vigente
        and not exists (select from correcao as outra where outra.tipo = 'anulacao' and outra.alvo = correcao.id);
    if found then
        raise exception '% was added, and is disregarded by correction %: undo that one', new.ponto, desconsiderada
        using errcode = 'check_violation';
    end if;
    if vigente = new.id and motivo_vigente = new.motivo then
        return null; -- a retry
    end if;
    if vigente is not null then
        raise exception '% % already, by correction %',
            coalesce(new.alvo::text, new.ponto::text),
            case new.tipo when 'inclusao' then 'is added' when 'anulacao' then 'is undone' else 'is disregarded' end,
            vigente
        using errcode = 'check_violation';
    end if;
    if exists (select from batida where id = new.id) or exists (select from correcao where id = new.id) then
        raise exception 'the id % is taken; choose another one (--id)', new.id using errcode = 'check_violation';
    end if;
    return new;
end
$$;

comment on function correcao_regras is 'Fills in id and usuario_id, refuses what contradicts what is there, and skips a retry';

-- A session that was left open holds up everybody else's corrections, and reports of earlier moments. Reports do not rely
-- on this: whoever sets constraints to be immediate gets around it.
create function correcao_a_tempo() returns trigger
language plpgsql as $$
begin
    if new.criada_em >= transaction_timestamp() and clock_timestamp() > new.criada_em + interval '1 minute' then
        raise exception 'the transaction took longer than a minute after correction %; nothing was written', new.id
        using errcode = 'check_violation', hint = 'Do it again, and commit at once.';
    end if;
    return null;
end
$$;

comment on function correcao_a_tempo is 'Refuses to commit a correction a minute after it was written';

-- Not as the session would have it: it could put tables of its own before these.
do $$
begin
    execute format('alter function correcao_regras() set search_path = %I, pg_temp', current_schema());
end
$$;
revoke execute on function correcao_regras, correcao_a_tempo from public;

create trigger regras before insert on correcao
for each row execute function correcao_regras();

create constraint trigger a_tempo after insert on correcao deferrable initially deferred
for each row execute function correcao_a_tempo();
