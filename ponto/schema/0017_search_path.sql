-- The triggers' functions find PostgreSQL's own names only, and name ours by their schema: an overloaded function of
-- somebody else's in the schema would run instead of PostgreSQL's. And a correction that waits for another transaction
-- says for which.

set search_path = pg_catalog, pg_temp;

do $migration$
declare
    here constant text := quote_ident(current_setting('ponto.schema'));
    name text;
begin
    execute replace($functions$

create or replace function :schema.correcao_regras() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
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
    begin
        perform pg_advisory_xact_lock(0x636f72726563616f);
    exception
        when lock_not_available then
            raise exception 'corrections wait for %', coalesce(
                (
                    select string_agg(
                        format(
                            'pid %s (%s, as %s)',
                            pid,
                            coalesce(nullif(application_name, ''), 'no application_name'),
                            usename
                        ),
                        ' and '
                        order by pid
                    )
                    from pg_locks join pg_stat_activity using (pid)
                    where locktype = 'advisory'
                        and classid = 0x636f7272
                        and objid = 0x6563616f
                        and objsubid = 1 -- of one number, not of two
                        and database = (select oid from pg_database where datname = current_database())
                        and granted
                ),
                'a transaction that has ended meanwhile'
            )
            using
                errcode = 'lock_not_available',
                hint = 'It holds their lock (0x636f72726563616f) until it ends; see pg_terminate_backend.';
    end;
    -- After the wait, so that the moments have the order of the commits. What is restored keeps its own.
    if new.criada_em >= transaction_timestamp() then
        new.criada_em := clock_timestamp();
    end if;

    if new.tipo = 'inclusao' then
        if new.ponto > new.criada_em then
            raise exception '% is in the future', new.ponto using errcode = 'check_violation';
        end if;
        if not exists (select from :schema.funcionario where usuario_id = new.usuario_id)
            and not exists (select from :schema.correcao where usuario_id = new.usuario_id)
            and not exists (
                select
                from :schema.batida
                where usuario_id = new.usuario_id
                    -- Texts without a type would let somebody else's function of texts be the better one.
                    and :schema.semana(ponto) = any(
                        array(select :schema.semanas(timestamptz '-infinity', timestamptz 'infinity'))
                    )
            )
        then
            raise exception 'employee % is not known: no punch, and no row of funcionario', new.usuario_id
            using errcode = 'check_violation';
        end if;
    else
        if new.tipo = 'desconsideracao' then
            select usuario_id into usuario
            from (
                select usuario_id from :schema.batida where id = new.alvo
                union all
                select usuario_id
                from :schema.correcao
                where id = new.alvo
                    and tipo = 'inclusao'
                    and not exists (select from :schema.correcao where tipo = 'anulacao' and alvo = new.alvo)
            ) as contada;
            if not found then
                raise exception '% is no punch, and no addition that counts', new.alvo using errcode = 'check_violation';
            end if;
        else
            select usuario_id into usuario from :schema.correcao where id = new.alvo and tipo <> 'anulacao';
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
            exists (
                select from :schema.correcao as outra where outra.tipo = 'anulacao' and outra.alvo = correcao.id
            ) as desfeita
        from :schema.correcao
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
    from :schema.correcao
    where tipo = 'desconsideracao'
        and alvo = vigente
        and not exists (select from :schema.correcao as outra where outra.tipo = 'anulacao' and outra.alvo = correcao.id);
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
    if exists (select from :schema.batida where id = new.id) or exists (select from :schema.correcao where id = new.id) then
        raise exception 'the id % is taken; choose another one (--id)', new.id using errcode = 'check_violation';
    end if;
    return new;
end
$$;

create or replace function :schema.funcionario_zona_mudou() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    -- Of an insert, old is null: the defaults.
    if (
        new.fuso is distinct from old.fuso
        and coalesce(new.fuso, :schema.fuso_padrao()) <> coalesce(old.fuso, :schema.fuso_padrao())
    )
        or coalesce(new.corte, '04:00') <> coalesce(old.corte, '04:00') then
        new.zona_mudou_em := clock_timestamp();
    end if;
    return new;
end
$$;

$functions$, ':schema', here);

    foreach name in array array[
        'batida_append_only', 'correcao_append_only', 'correcao_a_tempo', 'funcionario_fuso'
    ] loop
        execute format('alter function %s.%I() set search_path = pg_catalog, pg_temp', here, name);
    end loop;
end
$migration$;
