-- The current schema in one file, but for the roles: tables as PostgreSQL's catalog has them after all migrations, then
-- the files of ponto/schema/views. Written by `make docs`, and held to the migrations by a test: change ponto/schema,
-- not this.

create table migracao (
    nome text not null,
    checksum text not null,
    aplicada_em timestamp with time zone default clock_timestamp() not null,
    constraint migracao_pkey PRIMARY KEY (nome)
);

create table migracao_repetivel (
    nome text not null,
    checksum text not null,
    objetos text[] not null,
    aplicada_em timestamp with time zone default clock_timestamp() not null,
    constraint migracao_repetivel_pkey PRIMARY KEY (nome)
);

create table batida (
    id uuid not null,
    usuario_id bigint not null,
    ponto timestamp with time zone not null,
    deslocamento smallint,
    dispositivo text,
    offline boolean,
    enviado timestamp with time zone,
    latitude double precision,
    longitude double precision,
    precisao double precision,
    recebida_em timestamp with time zone,
    gravada_em timestamp with time zone default clock_timestamp() not null,
    mensagem_id text,
    chave text,
    sequencia bigint,
    constraint batida_pkey PRIMARY KEY (id),
    constraint batida_chave_check CHECK (char_length(chave) >= 1 AND char_length(chave) <= 100),
    constraint batida_deslocamento_check CHECK (deslocamento >= '-899'::integer AND deslocamento <= 899),
    constraint batida_dispositivo_check CHECK (char_length(dispositivo) <= 64 AND dispositivo !~ '[\u0001-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]'::text),
    constraint batida_enviado_check CHECK (enviado >= '1899-12-31 00:00:00+00'::timestamp with time zone AND enviado < '3000-01-02 00:00:00+00'::timestamp with time zone),
    constraint batida_latitude_check CHECK (latitude >= '-90'::integer::double precision AND latitude <= 90::double precision),
    constraint batida_longitude_check CHECK (longitude >= '-180'::integer::double precision AND longitude <= 180::double precision),
    constraint batida_mensagem_id_check CHECK (char_length(mensagem_id) >= 1 AND char_length(mensagem_id) <= 100),
    constraint batida_ponto_check CHECK (ponto >= '1899-12-31 00:00:00+00'::timestamp with time zone AND ponto < '3000-01-02 00:00:00+00'::timestamp with time zone),
    constraint batida_precisao_check CHECK (precisao >= 0::double precision AND precisao <= 20037508::double precision),
    constraint batida_recebida_em_check CHECK (recebida_em >= '1970-01-01 00:00:00+00'::timestamp with time zone AND recebida_em < '3000-01-02 00:00:00+00'::timestamp with time zone),
    constraint batida_sequencia_check CHECK (sequencia >= 1 AND sequencia <= '9007199254740991'::bigint),
    constraint batida_usuario_id_check CHECK (usuario_id >= 1 AND usuario_id <= '9007199254740991'::bigint)
);
comment on table batida is 'Punches. Rows are added, never changed or removed.';
comment on column batida.id is 'Idempotency key: the client''s, or derived from usuario_id and ponto';
comment on column batida.usuario_id is 'Employee';
comment on column batida.ponto is 'When the employee punched, by the device''s clock';
comment on column batida.deslocamento is 'UTC offset that the device sent, minutes east; null: none';
comment on column batida.dispositivo is 'Device, as it calls itself';
comment on column batida.offline is 'Whether the device was offline at the punch; null: not said';
comment on column batida.enviado is 'When the device sent the punch, by its clock';
comment on column batida.latitude is 'Degrees, by the device';
comment on column batida.longitude is 'Degrees, by the device';
comment on column batida.precisao is 'Accuracy of latitude and longitude, metres';
comment on column batida.recebida_em is 'When the queue received it; null: copied from batida_original';
comment on column batida.gravada_em is 'When the row was written';
comment on column batida.mensagem_id is 'Message that brought it; null: copied from batida_original';
comment on column batida.chave is 'API key''s id, never the key; null: none was sent along';
comment on column batida.sequencia is 'The device''s own running number of the punch; null: none was sent';
grant select on batida to ponto_reader;
grant insert (id, usuario_id, ponto, deslocamento, dispositivo, offline, enviado, latitude, longitude, precisao, recebida_em, mensagem_id, chave, sequencia) on batida to ponto_function;
grant select (id, usuario_id, ponto) on batida to ponto_corrections;
grant select (id, usuario_id, ponto) on batida to ponto_correctors;
grant select (id, usuario_id, ponto, mensagem_id) on batida to ponto_function;
grant select (id, usuario_id, ponto, recebida_em, gravada_em) on batida to ponto_receipts;

CREATE INDEX batida_ponto_idx ON public.batida USING brin (ponto timestamptz_minmax_multi_ops) WITH (autosummarize='on');

CREATE INDEX batida_recebida_em_idx ON public.batida USING brin (recebida_em timestamptz_minmax_multi_ops) WITH (autosummarize='on');

CREATE INDEX batida_gravada_em_idx ON public.batida USING brin (gravada_em) WITH (autosummarize='on');

CREATE OR REPLACE FUNCTION public.batida_append_only()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    raise exception '% refused: rows of batida are never changed or removed', tg_op;
end
$function$;

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON batida FOR EACH STATEMENT EXECUTE FUNCTION batida_append_only();

create table falha (
    mensagem_id text not null,
    desde timestamp with time zone default clock_timestamp() not null,
    constraint falha_pkey PRIMARY KEY (mensagem_id)
);
comment on table falha is 'Messages that the function''s own code fails on, so that none is given up before a bad release can be mended';
comment on column falha.mensagem_id is 'Message of the queue';
comment on column falha.desde is 'When it failed on it first';
grant select, delete on falha to ponto_function;
grant insert (mensagem_id) on falha to ponto_function;

create table funcionario (
    usuario_id bigint not null,
    nome text not null,
    cpf text,
    fuso text,
    corte time without time zone,
    zona_mudou_em timestamp with time zone,
    constraint funcionario_pkey PRIMARY KEY (usuario_id),
    constraint funcionario_corte_check CHECK (corte < '24:00:00'::time without time zone AND date_trunc('minute'::text, corte::interval) = corte::interval),
    constraint funcionario_cpf_check CHECK (cpf ~ '^[0-9]{11}$'::text),
    constraint funcionario_nome_check CHECK (nome ~ '\S'::text),
    constraint funcionario_usuario_id_check CHECK (usuario_id >= 1 AND usuario_id <= '9007199254740990'::bigint)
);
comment on table funcionario is 'Employees. Optional: without it the reports have no names, and one time zone and cut-off for all';
comment on column funcionario.usuario_id is 'Employee''s number, as in batida';
comment on column funcionario.nome is 'Name';
comment on column funcionario.cpf is 'CPF, the Brazilian taxpayer number: 11 digits; null: not known';
comment on column funcionario.fuso is 'Time zone by its IANA name, as America/Sao_Paulo; null: the stage''s';
comment on column funcionario.corte is 'Cut-off of the working day, local time, whole minutes: earlier punches belong to the day before; null: 04:00';
comment on column funcionario.zona_mudou_em is 'When fuso or corte last changed, from the defaults too; by a trigger; null: never, as far as is known';
grant select on funcionario to ponto_reader;
grant select (usuario_id, fuso) on funcionario to ponto_corrections;
grant select (usuario_id, fuso, corte) on funcionario to ponto_correctors;

CREATE OR REPLACE FUNCTION public.funcionario_fuso()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
    wrong record;
begin
    select usuario_id, fuso into wrong
    from changed
    where fuso not in (select name from pg_timezone_names)
    order by usuario_id
    limit 1;
    if found then
        raise exception 'funcionario %: fuso "%" is not a time zone', wrong.usuario_id, wrong.fuso
        using errcode = 'check_violation', hint = 'Use a name like America/Sao_Paulo; pg_timezone_names has them all.';
    end if;
    return null;
end
$function$;
comment on function funcionario_fuso() is 'Refuses time zones that are not in pg_timezone_names';
revoke execute on function funcionario_fuso() from public;

CREATE TRIGGER fuso_insert AFTER INSERT ON funcionario REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION funcionario_fuso();

CREATE TRIGGER fuso_update AFTER UPDATE ON funcionario REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION funcionario_fuso();

CREATE INDEX batida_dispositivo_sequencia_idx ON public.batida USING btree (dispositivo, sequencia) WHERE (sequencia IS NOT NULL);

CREATE INDEX batida_semana_usuario_id_idx ON public.batida USING btree (date_bin('7 days'::interval, ponto, '2000-01-03 00:00:00+00'::timestamp with time zone), usuario_id);

create table correcao (
    id uuid not null,
    usuario_id bigint not null,
    tipo text not null,
    ponto timestamp with time zone,
    alvo uuid,
    motivo text not null,
    autor text default SESSION_USER not null,
    criada_em timestamp with time zone default clock_timestamp() not null,
    constraint correcao_pkey PRIMARY KEY (id),
    constraint correcao_autor_check CHECK (char_length(autor) >= 1 AND char_length(autor) <= 2048),
    constraint correcao_check CHECK (alvo <> id),
    constraint correcao_check1 CHECK ((tipo = 'inclusao'::text) = (ponto IS NOT NULL)),
    constraint correcao_check2 CHECK ((tipo = 'inclusao'::text) = (alvo IS NULL)),
    constraint correcao_id_check CHECK (id::text ~ '^c.{13}8'::text),
    constraint correcao_motivo_check CHECK (char_length(motivo) >= 3 AND char_length(motivo) <= 200 AND motivo !~ '[\u0001-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]'::text AND motivo ~ '^\S(.*\S)?$'::text),
    constraint correcao_motivo_visivel CHECK (char_length(regexp_replace(motivo, '[\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'::text, ''::text, 'g'::text)) >= 3),
    constraint correcao_ponto_check CHECK (ponto >= '1899-12-31 00:00:00+00'::timestamp with time zone AND ponto < '3000-01-02 00:00:00+00'::timestamp with time zone),
    constraint correcao_tipo_check CHECK (tipo = ANY (ARRAY['inclusao'::text, 'desconsideracao'::text, 'anulacao'::text])),
    constraint correcao_usuario_id_check CHECK (usuario_id >= 1 AND usuario_id <= '9007199254740991'::bigint)
);
comment on table correcao is 'Corrections of punches. Rows are added, never changed or removed.';
comment on column correcao.id is 'Idempotency key: chosen, or derived from what the correction is; a UUIDv8 that begins with c, as no id of batida';
comment on column correcao.usuario_id is 'Employee';
comment on column correcao.tipo is 'inclusao: a punch that was forgotten; desconsideracao: a punch or an inclusao does not count; anulacao: an earlier inclusao or desconsideracao is undone';
comment on column correcao.ponto is 'inclusao: when the employee should have punched; null: of the others';
comment on column correcao.alvo is 'desconsideracao: id in batida, or of an inclusao; anulacao: id of the correction; null: of an inclusao';
comment on column correcao.motivo is 'Why';
comment on column correcao.autor is 'Who answers for it, as AWS or PostgreSQL vouches for';
comment on column correcao.criada_em is 'When the row was written';
grant select on correcao to ponto_corrections;
grant select on correcao to ponto_correctors;
grant select on correcao to ponto_reader;
grant insert (id, usuario_id, tipo, ponto, alvo, motivo) on correcao to ponto_correctors;
grant insert (id, usuario_id, tipo, ponto, alvo, motivo, autor) on correcao to ponto_corrections;

CREATE INDEX correcao_usuario_id_idx ON public.correcao USING btree (usuario_id);

CREATE INDEX correcao_alvo_idx ON public.correcao USING btree (alvo);

CREATE OR REPLACE FUNCTION public.correcao_append_only()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    raise exception '% refused: rows of correcao are never changed or removed', tg_op;
end
$function$;
comment on function correcao_append_only() is 'Refuses to change or remove a correction';

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON correcao FOR EACH STATEMENT EXECUTE FUNCTION correcao_append_only();

CREATE OR REPLACE FUNCTION public.correcao_regras()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
        if not exists (select from public.funcionario where usuario_id = new.usuario_id)
            and not exists (select from public.correcao where usuario_id = new.usuario_id)
            and not exists (
                select
                from public.batida
                where usuario_id = new.usuario_id
                    -- Texts without a type would let somebody else's function of texts be the better one.
                    and public.semana(ponto) = any(
                        array(select public.semanas(timestamptz '-infinity', timestamptz 'infinity'))
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
                select usuario_id from public.batida where id = new.alvo
                union all
                select usuario_id
                from public.correcao
                where id = new.alvo
                    and tipo = 'inclusao'
                    and not exists (select from public.correcao where tipo = 'anulacao' and alvo = new.alvo)
            ) as contada;
            if not found then
                raise exception '% is no punch, and no addition that counts', new.alvo using errcode = 'check_violation';
            end if;
        else
            select usuario_id into usuario from public.correcao where id = new.alvo and tipo <> 'anulacao';
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
                select from public.correcao as outra where outra.tipo = 'anulacao' and outra.alvo = correcao.id
            ) as desfeita
        from public.correcao
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
    from public.correcao
    where tipo = 'desconsideracao'
        and alvo = vigente
        and not exists (select from public.correcao as outra where outra.tipo = 'anulacao' and outra.alvo = correcao.id);
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
    if exists (select from public.batida where id = new.id) or exists (select from public.correcao where id = new.id) then
        raise exception 'the id % is taken; choose another one (--id)', new.id using errcode = 'check_violation';
    end if;
    return new;
end
$function$;
comment on function correcao_regras() is 'Fills in id and usuario_id, refuses what contradicts what is there, and skips a retry';
revoke execute on function correcao_regras() from public;

CREATE OR REPLACE FUNCTION public.correcao_a_tempo()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    if new.criada_em >= transaction_timestamp() and clock_timestamp() > new.criada_em + interval '1 minute' then
        raise exception 'the transaction took longer than a minute after correction %; nothing was written', new.id
        using errcode = 'check_violation', hint = 'Do it again, and commit at once.';
    end if;
    return null;
end
$function$;
comment on function correcao_a_tempo() is 'Refuses to commit a correction a minute after it was written';
revoke execute on function correcao_a_tempo() from public;

CREATE TRIGGER regras BEFORE INSERT ON correcao FOR EACH ROW EXECUTE FUNCTION correcao_regras();

CREATE CONSTRAINT TRIGGER a_tempo AFTER INSERT ON correcao DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION correcao_a_tempo();

CREATE OR REPLACE FUNCTION public.funcionario_zona_mudou()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    -- Of an insert, old is null: the defaults.
    if (
        new.fuso is distinct from old.fuso
        and coalesce(new.fuso, public.fuso_padrao()) <> coalesce(old.fuso, public.fuso_padrao())
    )
        or coalesce(new.corte, '04:00') <> coalesce(old.corte, '04:00') then
        new.zona_mudou_em := clock_timestamp();
    end if;
    return new;
end
$function$;
comment on function funcionario_zona_mudou() is 'Keeps when fuso or corte last changed';
revoke execute on function funcionario_zona_mudou() from public;

CREATE TRIGGER zona_mudou BEFORE INSERT OR UPDATE ON funcionario FOR EACH ROW EXECUTE FUNCTION funcionario_zona_mudou();

create table empregador (
    unico boolean default true not null,
    identificacao text not null,
    constraint empregador_pkey PRIMARY KEY (unico),
    constraint empregador_identificacao_check CHECK (char_length(identificacao) >= 1 AND char_length(identificacao) <= 200),
    constraint empregador_unico_check CHECK (unico)
);
comment on table empregador is 'Who employs, as the stage''s parameter names it; no row: nobody is named';
comment on column empregador.unico is 'There is one row at most';
comment on column empregador.identificacao is 'Name, and CNPJ or CPF, as time cards have it';
grant select on empregador to ponto_reader;

-- 01_row_types.sql
-- What the rows of the reports hold that are no view's.

create type espelho_total as (
    usuario_id bigint, nome text, cpf text, fuso text, dias_trabalhados int, minutos int, minutos_noturnos int,
    dias_incompletos int, dias_divididos int
);

comment on type espelho_total is 'A row of espelho_totais()';
comment on column espelho_total.usuario_id is 'Employee''s number';
comment on column espelho_total.nome is 'Employee''s name; null: not in funcionario';
comment on column espelho_total.cpf is 'CPF, 11 digits; null: not known';
comment on column espelho_total.fuso is 'Employee''s time zone, or the stage''s';
comment on column espelho_total.dias_trabalhados is 'Working days of the month that have punches';
comment on column espelho_total.minutos is 'Worked minutes';
comment on column espelho_total.minutos_noturnos is 'Of these, minutes between 22:00 and 05:00 local time';
comment on column espelho_total.dias_incompletos is 'Days with an odd count of punches';
comment on column espelho_total.dias_divididos is
    'Days that have minutos_descanso: the cut-off after them may split a shift';


create type excecao as (
    tipo text, usuario_id bigint, nome text, dia date, id uuid, local timestamp, dispositivo text, medida interval,
    batidas int
);

comment on type excecao is 'A row of excecoes()';
comment on column excecao.tipo is
    'incompleta: odd count of punches; longa: worked longer than jornada_maxima; proxima: within proximas of the '
    'employee''s punch before; futura: punched more than futuro after its receipt; atrasada: received more than atraso '
    'after it was punched; reaberta: a punch or a correction was written more than dias days after the working day '
    'ended; relogio: recebida_em and enviado lie more than desvio apart; dividida: less rest until the next working day '
    'than a shift leaves, see jornada.minutos_descanso; redefinida: received in these days and punched more than '
    'redefinicao away from that, as by a clock that was reset; incluida: a punch that somebody added; desconsiderada: '
    'one that somebody disregarded';
comment on column excecao.usuario_id is 'Employee''s number';
comment on column excecao.nome is 'Employee''s name; null: not in funcionario';
comment on column excecao.dia is
    'Working day, in the employee''s time zone: that of the punch; redefinida: that of its receipt';
comment on column excecao.id is
    'The punch''s id, as in batida_valida; incluida and desconsiderada: the correction''s; null: a whole day';
comment on column excecao.local is 'The punch''s local time, cut to the minute; null: a whole day';
comment on column excecao.dispositivo is 'The punch''s device, as it calls itself; null: a whole day, or not said';
comment on column excecao.medida is
    'What was measured. incompleta and longa: worked time; proxima: distance, of the times cut to the minute; futura: '
    'ponto - recebida_em; atrasada: recebida_em - ponto; reaberta: from the end of the working day to the last '
    'writing; relogio: recebida_em - enviado, below zero for a clock that is fast; dividida: from the last punch to the '
    'first of the next working day; redefinida: recebida_em - ponto; incluida and desconsiderada: from ponto to the '
    'correction';
comment on column excecao.batidas is
    'Punches concerned. incompleta, longa and dividida: the day''s; reaberta: those that were written late, and '
    'corrections; otherwise 1';


create type corte_sugerido as (
    usuario_id bigint, nome text, fuso text, corte time, dias int, divididos int, sugestao time, restantes int,
    folga interval
);

comment on type corte_sugerido is 'A row of cortes()';
comment on column corte_sugerido.usuario_id is 'Employee''s number';
comment on column corte_sugerido.nome is 'Employee''s name; null: not in funcionario';
comment on column corte_sugerido.fuso is 'Employee''s time zone, or the stage''s';
comment on column corte_sugerido.corte is 'Cut-off of the working day now, local time';
comment on column corte_sugerido.dias is 'Working days that have punches, with this cut-off';
comment on column corte_sugerido.divididos is 'Of these, those with minutos_descanso';
comment on column corte_sugerido.sugestao is 'Cut-off that splits fewer, local time; null: keep the present one';
comment on column corte_sugerido.restantes is 'Days after which it would split a shift still; null: sugestao is';
comment on column corte_sugerido.folga is
    'How far apart the punches around it lie on average, a day at most, cut to the minute; null: sugestao is';


create type minuto_do_pico as (
    minuto timestamptz, batidas int, recebidas int, gravadas int, fila int, idade interval
);

comment on type minuto_do_pico is 'A row of pico()';
comment on column minuto_do_pico.minuto is 'When the minute began; an instant';
comment on column minuto_do_pico.batidas is 'Punched in it, by the devices'' clocks';
comment on column minuto_do_pico.recebidas is
    'Received by the queue in it, of those that are stored by now: what still waits, or is a dead letter, is no row';
comment on column minuto_do_pico.gravadas is 'Written in it';
comment on column minuto_do_pico.fila is
    'Received and not yet written at its end, of those that are stored by now: dead letters that were sent back later '
    'included, up to 60 days, but not what still waits';
comment on column minuto_do_pico.idade is
    'Longest time from receipt to writing of those written in it; null: none was written';

-- 02_ranges.sql
-- Which punches a report reads. These functions, as all that follow, are plain SQL without settings of their own, so
-- that the planner sees through them to the indexes.

create or replace function usuario_reservado() returns bigint
language sql immutable parallel safe
return 9007199254740991;

comment on function usuario_reservado is 'The employee for whom a deployment tries itself, and whom no report shows';

-- Not "usuario is null or", of which no index can make use where the number is no literal.
create or replace function do_usuario(usuario_id bigint, usuario bigint) returns boolean
language sql immutable parallel safe
return usuario_id >= coalesce(usuario, '-9223372036854775808'::bigint)
    and usuario_id <= coalesce(usuario, 9223372036854775807);

comment on function do_usuario is 'Whether usuario_id is the employee usuario, who is (null) anybody';

-- A working day begins up to a day after its date does, and local times are less than a day from UTC.
create or replace function antes_do_dia(dia date) returns timestamptz
language sql immutable parallel safe
return coalesce((dia - 1)::timestamp at time zone 'UTC', '-infinity');

create or replace function depois_do_dia(dia date) returns timestamptz
language sql immutable parallel safe
return coalesce((dia + 3)::timestamp at time zone 'UTC', 'infinity');

comment on function antes_do_dia is
    'An instant at or before all of a working day, whatever its time zone and cut-off; null: before all days';
comment on function depois_do_dia is
    'An instant after all of a working day, whatever its time zone and cut-off; null: after all days';

-- As in the index batida_semana_usuario_id_idx. It begins with the week, so whoever asks by employee has to name weeks.
create or replace function semana(instante timestamptz) returns timestamptz
language sql immutable parallel safe
return date_bin('7 days', instante, timestamptz '2000-01-03 00:00Z');

-- Up to ten years, counted. Longer, by a jump through the index from each week to the next: a clock that says 1970 costs
-- one jump, not 3,000 weeks. Which of the two it is, the planner sees before it plans, if this stands behind `from`.
create or replace function semanas(de timestamptz, ate timestamptz) returns setof timestamptz
language sql stable parallel safe
begin atomic
    select semana
    -- In hours, for a week of a session's time zone may have another length.
    from generate_series(semana(de), semana(ate), interval '168 hours') as semana
    where ate at time zone 'UTC' < de at time zone 'UTC' + interval '10 years'
    union all
    select semana
    from (
        with recursive com_batidas (semana) as (
            select min(semana(ponto)) from batida where semana(ponto) between semana(de) and semana(ate)
            union all
            select (select min(semana(ponto)) from batida where semana(ponto) > semana and semana(ponto) <= semana(ate))
            from com_batidas
            where semana is not null
        )
        select semana from com_batidas where semana is not null
    ) as salto
    where not ate at time zone 'UTC' < de at time zone 'UTC' + interval '10 years';
end;

comment on function semana is 'When the week of an instant began, on Monday 00:00 UTC';
comment on function semanas is
    'Weeks from that of an instant to that of another; of more than ten years, those that have punches';

revoke execute on function usuario_reservado, do_usuario, antes_do_dia, depois_do_dia, semana, semanas from public;
grant execute on function usuario_reservado, do_usuario, antes_do_dia, depois_do_dia, semana, semanas to ponto_reader;
grant execute on function semana, semanas to ponto_receipts;

-- 03_punches.sql
-- Punches in local time.
--
-- Three rules hold here and in all that follows:
--   - Punches are cut to the minute before anything is computed, so that a reader gets the same from the printed HH:MM.
--   - A working day is (local time - cut-off)::date, so that a night shift belongs to the day on which it began.
--   - Nothing depends on the session's TimeZone, which every client sets as it likes.

create or replace function fuso_padrao() returns text
language sql stable parallel safe
return coalesce(
    (
        select split_part(setting, '=', 2)
        from pg_db_role_setting
            join pg_database on pg_database.oid = setdatabase
            cross join unnest(setconfig) as setting
        where datname = current_database() and setrole = 0 and setting ilike 'timezone=%'
    ),
    'UTC'
);

comment on function fuso_padrao is
    'The stage''s time zone: the database''s setting, whatever the session''s is; UTC where the database has none';

create or replace function hora_local(instante timestamptz, seu_fuso text, seu_corte time)
returns table (fuso text, local timestamp, dia date, corte time)
language sql stable parallel safe
begin atomic
    select fuso, local, (local - corte)::date, corte
    from (
        select fuso, instante at time zone fuso as local, corte
        from (
            -- In parentheses of its own, it is looked up once a query.
            select coalesce(seu_fuso, (select fuso_padrao())), coalesce(seu_corte, '04:00')
        ) as zona (fuso, corte)
        offset 0 -- computed once a row, and not again wherever it is named
    ) as aqui;
end;

comment on function hora_local is
    'Local time and working day of an instant, by zone and cut-off as funcionario has them (null: the defaults)';

create or replace view batida_local as
select
    batida.id,
    batida.usuario_id,
    funcionario.nome,
    aqui.fuso,
    batida.ponto,
    aqui.local,
    aqui.dia,
    batida.deslocamento,
    batida.dispositivo,
    batida.offline,
    batida.enviado,
    batida.recebida_em,
    batida.gravada_em,
    batida.recebida_em - batida.ponto as atraso_recebimento,
    batida.gravada_em - batida.recebida_em as atraso_gravacao,
    batida.recebida_em - batida.enviado as desvio,
    aqui.corte
    -- The other fields of a punch, by make docs
    , batida.latitude
    , batida.longitude
    , batida.precisao
    , batida.sequencia
    -- end
from batida
    left join funcionario using (usuario_id)
    cross join lateral hora_local(batida.ponto, funcionario.fuso, funcionario.corte) as aqui
where batida.usuario_id <> usuario_reservado();

comment on view batida_local is
    'Punches as they were sent, in the employee''s local time, with what lay between punching and writing';
comment on column batida_local.id is 'Idempotency key, as in batida';
comment on column batida_local.usuario_id is 'Employee''s number';
comment on column batida_local.nome is 'Employee''s name; null: not in funcionario';
comment on column batida_local.fuso is 'Employee''s time zone, or the stage''s: that of local and dia';
comment on column batida_local.ponto is 'When the employee punched, by the device''s clock; an instant';
comment on column batida_local.local is 'The same in local time';
comment on column batida_local.dia is 'Working day: the date of local less the cut-off';
comment on column batida_local.deslocamento is 'UTC offset that the device sent, minutes east; null: none';
comment on column batida_local.dispositivo is 'Device, as it calls itself';
comment on column batida_local.offline is 'Whether the device was offline at the punch; null: not said';
comment on column batida_local.enviado is 'When the device sent the punch, by its clock; an instant; null: not said';
comment on column batida_local.recebida_em is
    'When the queue received it; an instant; null: a punch of this project''s first version';
comment on column batida_local.gravada_em is 'When the row was written; an instant';
comment on column batida_local.atraso_recebimento is 'recebida_em - ponto: below zero for a clock that is fast';
comment on column batida_local.atraso_gravacao is 'gravada_em - recebida_em: how long it waited in the queue';
comment on column batida_local.desvio is
    'recebida_em - enviado, clock skew and travel: below zero for a clock that is fast; null: enviado is';
comment on column batida_local.corte is 'Cut-off of the employee''s working day, local time';
-- The other fields of a punch, by make docs
comment on column batida_local.latitude is 'Degrees north of the equator.';
comment on column batida_local.longitude is 'Degrees east of Greenwich.';
comment on column batida_local.precisao is 'Radius in metres within which the position is certain.';
comment on column batida_local.sequencia is 'The device''s own running number of the punch: 1, 2, 3, ...';
-- end

-- By the index on week and employee.
create or replace function batidas_enviadas(de date, ate date, usuario bigint) returns setof batida_local
language sql stable parallel safe
begin atomic
    select *
    from batida_local
    where usuario_id = usuario
        and dia between de and ate
        and semana(ponto) = any(array(select semana from semanas(antes_do_dia(de), depois_do_dia(ate)) as semana));
end;

comment on function batidas_enviadas is
    'An employee''s punches of the working days from de to ate, as they were sent, with the columns of the view '
    'batida_local';

revoke execute on function fuso_padrao, hora_local, batidas_enviadas from public;
grant execute on function fuso_padrao, hora_local, batidas_enviadas to ponto_reader;
grant select on batida_local to ponto_reader;

-- 04_corrections.sql
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

-- 05_punches_that_count.sql
-- Punches that count: those that were sent and that nobody disregarded, and those that somebody added.

-- A plain union all and one anti-join, so that a card is planned and read as fast as without corrections.
--
-- Of one employee by the index on week and employee, of all by that on ponto. Which of the two it is, the planner sees
-- before it plans. From the beginning on by the week again: that is the view jornada, where a condition names whom.
create or replace function batidas(
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
        registro.id, registro.usuario_id, nome, aqui.fuso, ponto, aqui.local, aqui.dia, origem, dispositivo, recebida_em,
        gravada_em, recebida_em - ponto, recebida_em - enviado, aqui.corte
    from (
        select id, usuario_id, ponto, 'batida', dispositivo, enviado, recebida_em, gravada_em
        from batida
        where (usuario_id = usuario or usuario is null and de = '-infinity')
            and semana(ponto) = any(array(select semana from semanas(antes_do_dia(de), depois_do_dia(ate)) as semana))
            and (recebida_em is null or escrita_ate(gravada_em, momento))
        union all
        select id, usuario_id, ponto, 'batida', dispositivo, enviado, recebida_em, gravada_em
        from batida
        where usuario is null
            and (de is null or de > '-infinity' and ponto >= antes_do_dia(de) and ponto < depois_do_dia(ate))
            and (recebida_em is null or escrita_ate(gravada_em, momento))
        union all
        select id, usuario_id, ponto, 'inclusao', null, null, null, criada_em
        from correcao
        where tipo = 'inclusao' and do_usuario(usuario_id, usuario) and escrita_ate(criada_em, momento)
    ) as registro (id, usuario_id, ponto, origem, dispositivo, enviado, recebida_em, gravada_em)
        left join funcionario
            on funcionario.usuario_id = registro.usuario_id and do_usuario(funcionario.usuario_id, usuario)
        cross join lateral hora_local(ponto, funcionario.fuso, funcionario.corte) as aqui
    where registro.usuario_id <> usuario_reservado()
        and (registro.usuario_id = usuario or usuario is null)
        and (de is null and ate is null or aqui.dia between coalesce(de, '-infinity') and coalesce(ate, 'infinity'))
        -- Disregarded; an addition may be undone, too. No id is in both tables.
        and not exists (
            select
            from correcao as contra
            where contra.alvo = registro.id
                and do_usuario(contra.usuario_id, usuario)
                and escrita_ate(contra.criada_em, momento)
                and not exists (
                    select
                    from correcao as anulacao
                    where anulacao.alvo = contra.id and escrita_ate(anulacao.criada_em, momento)
                )
        );
end;

create or replace view batida_valida as select * from batidas(null, null);

create or replace function batidas_em(momento timestamptz) returns setof batida_valida
language sql stable parallel safe
begin atomic
    select * from batidas(null, null, null, momento);
end;

comment on function batidas is
    'Punches that count in the working days from de (null: the first) to ate (null: the last), of one employee or (null) '
    'of all, with the columns of the view batida_valida, as of a moment (null: now)';
comment on function batidas_em is
    'All punches that count, as of a moment (null: now). Those of the first version count at every moment';
comment on view batida_valida is
    'Punches that count: those of batida_local that nobody disregarded, and those that somebody added';
comment on column batida_valida.id is 'As in batida; origem inclusao: as in correcao';
comment on column batida_valida.usuario_id is 'Employee''s number';
comment on column batida_valida.nome is 'Employee''s name; null: not in funcionario';
comment on column batida_valida.fuso is 'Employee''s time zone, or the stage''s: that of local and dia';
comment on column batida_valida.ponto is 'When the employee punched, or should have; an instant';
comment on column batida_valida.local is 'The same in local time';
comment on column batida_valida.dia is 'Working day: the date of local less the cut-off';
comment on column batida_valida.origem is 'batida: a punch; inclusao: added by a correction';
comment on column batida_valida.dispositivo is 'Device, as it calls itself';
comment on column batida_valida.recebida_em is
    'When the queue received it; an instant; null: added, or a punch of this project''s first version';
comment on column batida_valida.gravada_em is 'When the row was written, in batida or correcao; an instant';
comment on column batida_valida.atraso_recebimento is 'recebida_em - ponto, as in batida_local';
comment on column batida_valida.desvio is 'recebida_em - enviado, as in batida_local';
comment on column batida_valida.corte is 'Cut-off of the employee''s working day, local time';

revoke execute on function batidas, batidas_em from public;
grant execute on function batidas, batidas_em to ponto_reader;
grant select on batida_valida to ponto_reader;

-- 06_night.sql
-- Night time: from 22:00 to 05:00.

-- Night time from the beginning of 2000 until a local time: 7 hours a day, from 00:00 to 05:00 and from 22:00 to 24:00.
create or replace function noite(local timestamp) returns interval
language sql immutable parallel safe
return
    (local::date - date '2000-01-01') * interval '7 hours'
    + least(local::time - time '00:00', interval '5 hours')
    + greatest(local::time - time '22:00', interval '0');

comment on function noite is
    'Time from 22:00 to 05:00, all of it from the beginning of 2000 until a local time; below zero before';

create or replace function noturno_na_mudanca(entrada timestamptz, saida timestamptz, fuso text) returns interval
language sql immutable parallel safe
begin atomic
    select count(*) * interval '1 minute'
    from generate_series(entrada, saida - interval '1 minute', '1 minute') as minuto
        cross join lateral (values ((minuto at time zone fuso)::time)) as relogio (hora)
    where hora >= '22:00' or hora < '05:00';
end;

comment on function noturno_na_mudanca is 'As noturno(), minute by minute, where the clock was changed in between';

-- A zone may skip 22:00, go back over it, or skip a whole day: then local times do not tell how long the night was.
-- No zone has ever had two changes within the length of a working day that cancel each other.
create or replace function noturno(
    entrada timestamptz, saida timestamptz, entrada_local timestamp, saida_local timestamp, fuso text
) returns interval
language sql immutable parallel safe
return case
    when saida - entrada = saida_local - entrada_local then noite(saida_local) - noite(entrada_local)
    else noturno_na_mudanca(entrada, saida, fuso)
end;

comment on function noturno is
    'Of the time between two instants, that in which the clocks of the time zone fuso show 22:00 to 05:00';

revoke execute on function noite, noturno_na_mudanca, noturno from public;
grant execute on function noite, noturno_na_mudanca, noturno to ponto_reader;

-- 07_working_days.sql
-- Working days.

create or replace function jornadas(
    de date, ate date, usuario bigint default null, momento timestamptz default null
)
returns table (
    usuario_id bigint, nome text, dia date, pontos timestamptz[], locais timestamp[], batidas int, pares int,
    minutos int, minutos_noturnos int, incompleta boolean, repetidas int, minutos_descanso int, primeira timestamp,
    ultima timestamp, gravada_em timestamptz, incluidas int[]
)
language sql stable parallel safe
begin atomic
    with punch as (
        select
            usuario_id, nome, fuso, dia, id, ponto, gravada_em, origem,
            date_trunc('minute', ponto, fuso) as minuto,
            date_trunc('minute', local) as local
        from batidas(de, ate + 1, usuario, momento) -- the day after ends the rest
    ),
    -- Each with the one before it in its working day: the second closes a pair with the first, the fourth with the third.
    paired as (
        select
            *,
            lag(minuto) over working_day as entrada,
            lag(local) over working_day as entrada_local,
            (row_number() over working_day)::int as ordem
        from punch
        window working_day as (partition by usuario_id, dia order by ponto, id)
    ),
    working_day as (
        select
            usuario_id,
            min(nome) as nome,
            dia,
            array_agg(minuto order by ponto, id) as pontos,
            array_agg(local order by ponto, id) as locais,
            count(*)::int as batidas,
            sum(minuto - entrada) filter (where ordem % 2 = 0) as trabalhado,
            sum(noturno(entrada, minuto, entrada_local, local, fuso)) filter (where ordem % 2 = 0) as trabalhado_de_noite,
            count(*) % 2 = 1 as incompleta,
            (count(*) filter (where minuto - entrada <= interval '1 minute'))::int as repetidas,
            max(minuto - entrada) as maior_pausa,
            max(gravada_em) as gravada_em,
            coalesce(array_agg(ordem order by ordem) filter (where origem = 'inclusao'), '{}') as incluidas
        from paired
        group by usuario_id, dia
    ),
    with_the_next as (
        select
            *,
            lead(pontos[1]) over employee - pontos[batidas] as descanso,
            lead(maior_pausa) over employee as maior_pausa_seguinte,
            lead(incompleta) over employee as incompleta_seguinte
        from working_day
        window employee as (partition by usuario_id order by dia)
    )
    select
        usuario_id,
        nome,
        dia,
        pontos,
        locais,
        batidas,
        batidas / 2 as pares,
        coalesce(extract(epoch from trabalhado) / 60, 0)::int as minutos,
        coalesce(extract(epoch from trabalhado_de_noite) / 60, 0)::int as minutos_noturnos,
        incompleta,
        repetidas,
        case
            -- The law wants 11 hours of rest between two shifts. After overtime it may be less, but never shorter than
            -- the breaks of the shift. A shift of 12 hours that was cut in two leaves odd counts.
            when descanso < interval '11 hours' and descanso < greatest(maior_pausa, maior_pausa_seguinte)
                or descanso < interval '13 hours' and incompleta and incompleta_seguinte
            then (extract(epoch from descanso) / 60)::int
        end as minutos_descanso,
        locais[1] as primeira,
        locais[batidas] as ultima,
        gravada_em,
        incluidas
    from with_the_next
    where dia <= ate
    order by usuario_id, dia;
end;

create or replace view jornada as select * from jornadas('-infinity', 'infinity');

comment on function jornadas is
    'Working days from de to ate, of one employee or (null) of all who punched, with the columns of the view jornada, as '
    'of a moment (null: now)';
comment on view jornada is
    'Working days that have punches. One employee''s are found fast; of all, those of some days only by jornadas()';
comment on column jornada.usuario_id is 'Employee''s number';
comment on column jornada.nome is 'Employee''s name; null: not in funcionario';
comment on column jornada.dia is 'Working day, in the employee''s time zone';
comment on column jornada.pontos is 'Its punches, cut to the minute, in order; instants';
comment on column jornada.locais is 'The same in local time';
comment on column jornada.batidas is 'How many they are';
comment on column jornada.pares is
    'Pairs that they make, in order: the first with the second, the third with the fourth, ...';
comment on column jornada.minutos is
    'Worked minutes: those that really passed in the pairs, also where the clock was changed';
comment on column jornada.minutos_noturnos is 'Of these, minutes between 22:00 and 05:00 local time';
comment on column jornada.incompleta is 'Whether the count is odd, so that the last punch has no partner';
comment on column jornada.repetidas is 'Punches at most a minute after the one before in the same day';
comment on column jornada.minutos_descanso is
    'Minutes from the last punch to the first of the next working day, where they are no rest, so that the cut-off seems '
    'to split a shift: fewer than 11 hours and than lie between two punches of one of these days, or fewer than 13 hours '
    'where both are incomplete; null: it does not';
comment on column jornada.primeira is 'First punch, local time, cut to the minute';
comment on column jornada.ultima is 'Last punch, local time, cut to the minute';
comment on column jornada.gravada_em is 'When the last of its rows was written; an instant';
comment on column jornada.incluidas is 'Which of pontos somebody added: their positions, from 1';

revoke execute on function jornadas from public;
grant execute on function jornadas to ponto_reader;
grant select on jornada to ponto_reader;

-- 08_time_cards.sql
-- Time cards of a month.

create or replace function primeiro_dia(mes date) returns date
language sql immutable parallel safe
return date_trunc('month', mes::timestamp)::date;

create or replace function ultimo_dia(mes date) returns date
language sql immutable parallel safe
return (date_trunc('month', mes::timestamp) + interval '1 month - 1 day')::date;

create or replace function dias_do_mes(mes date) returns setof date
language sql immutable parallel safe
begin atomic
    select day::date from generate_series(primeiro_dia(mes)::timestamp, ultimo_dia(mes)::timestamp, '1 day') as day
    where isfinite(mes); -- a series to infinity has no end
end;

comment on function primeiro_dia is 'The first day of the month of a date';
comment on function ultimo_dia is 'The last day of the month of a date';
comment on function dias_do_mes is 'The calendar days of the month of a date, in order; none of infinity';

create or replace function espelhos(
    mes date, usuario bigint default null, momento timestamptz default null
) returns setof jornada
language sql stable parallel safe
begin atomic
    with jornada_do_mes as materialized (
        select *
        from jornadas(primeiro_dia(mes), ultimo_dia(mes), usuario, momento)
    ),
    empregado as (
        select usuario_id, ficha.nome
        from (
            select usuario_id from jornada_do_mes union select usuario where usuario <> usuario_reservado()
        ) as presente
            full join (
                select usuario_id, nome
                from funcionario
                where do_usuario(usuario_id, usuario)
            ) as ficha using (usuario_id)
    )
    select
        usuario_id,
        empregado.nome,
        dia,
        coalesce(pontos, '{}'),
        coalesce(locais, '{}'),
        coalesce(batidas, 0),
        coalesce(pares, 0),
        coalesce(minutos, 0),
        coalesce(minutos_noturnos, 0),
        coalesce(incompleta, false),
        coalesce(repetidas, 0),
        minutos_descanso,
        primeira,
        ultima,
        gravada_em,
        coalesce(incluidas, '{}')
    from empregado
        cross join dias_do_mes(mes) as dia
        left join jornada_do_mes using (usuario_id, dia)
    order by usuario_id, dia;
end;

create or replace function espelho(
    usuario bigint, mes date, momento timestamptz default null
) returns setof jornada
language sql stable parallel safe
begin atomic
    select * from espelhos(mes, usuario, momento) where usuario is not null;
end;

comment on function espelhos is
    'Time cards of all who punched in the month of a date or are in funcionario, one after the other, or of one '
    'employee: a row per calendar day, with the columns of the view jornada; a day without punches has empty arrays, '
    'zeros and nulls; as of a moment (null: now)';
comment on function espelho is 'Time card of an employee and the month of a date, as of espelhos()';

create or replace function espelho_totais(
    mes date, usuario bigint default null, momento timestamptz default null
) returns setof espelho_total
language sql stable parallel safe
begin atomic
    select
        usuario_id,
        nome,
        cpf,
        coalesce(fuso, fuso_padrao()),
        coalesce(dias_trabalhados, 0)::int,
        coalesce(minutos, 0)::int,
        coalesce(minutos_noturnos, 0)::int,
        coalesce(dias_incompletos, 0)::int,
        coalesce(dias_divididos, 0)::int
    from (
        select
            usuario_id,
            count(*) as dias_trabalhados,
            sum(minutos) as minutos,
            sum(minutos_noturnos) as minutos_noturnos,
            count(*) filter (where incompleta) as dias_incompletos,
            count(minutos_descanso) as dias_divididos
        from jornadas(primeiro_dia(mes), ultimo_dia(mes), usuario, momento)
        group by usuario_id
    ) as total
        full join (
            select usuario_id, nome, cpf, fuso
            from funcionario
            where do_usuario(usuario_id, usuario)
        ) as empregado using (usuario_id)
    order by usuario_id;
end;

comment on function espelho_totais is
    'A month of the time cards in a row per employee: of one, or (null) of all whom espelhos() has, as of a moment (null: '
    'now)';

revoke execute on function primeiro_dia, ultimo_dia, dias_do_mes, espelho, espelhos, espelho_totais from public;
grant execute on function primeiro_dia, ultimo_dia, dias_do_mes, espelho, espelhos, espelho_totais to ponto_reader;

-- 09_exceptions.sql
-- Exceptions: what somebody should look at.

create or replace function excecoes(
    de date, ate date,
    jornada_maxima interval default '10 hours', proximas interval default '1 minute', atraso interval default '1 day',
    futuro interval default '5 minutes', dias int default 3, desvio interval default '5 minutes',
    redefinicao interval default '60 days', usuario bigint default null, momento timestamptz default null
)
returns setof excecao
language sql stable parallel safe
begin atomic
    -- Whole days, by their punches in order
    select caso.tipo, usuario_id, nome, dia, null::uuid, null::timestamp, null::text, caso.medida, batidas
    from jornadas(de, ate, usuario, momento)
        cross join lateral make_interval(mins => minutos) as trabalhado
        cross join lateral (
            values
                ('incompleta', trabalhado, incompleta),
                ('longa', trabalhado, trabalhado > jornada_maxima),
                ('dividida', make_interval(mins => minutos_descanso), minutos_descanso is not null)
        ) as caso (tipo, medida, vale)
    where caso.vale
    union all
    -- Whole days, by when their punches and corrections were written; those of the first version were all copied at once
    select 'reaberta', usuario_id, nome, dia, null, null, null, max(escrita_em) - fim, count(*)::int
    from (
        select usuario_id, nome, fuso, dia, corte, gravada_em
        from batidas(de, ate, usuario, momento)
        where recebida_em is not null
        union all
        select usuario_id, nome, fuso, dia, corte, criada_em
        from correcoes(de, ate, usuario, momento)
    ) as escrita (usuario_id, nome, fuso, dia, corte, escrita_em)
        cross join lateral (values ((dia + 1 + corte) at time zone fuso)) as prazo (fim)
    where escrita_em > (dia + 1 + dias + corte) at time zone fuso
    group by usuario_id, nome, dia, fim
    union all
    -- Corrections that count
    select
        caso.tipo, correcao.usuario_id, nome, dia, correcao.id, date_trunc('minute', local), batida.dispositivo,
        criada_em - correcao.ponto, 1
    from correcoes(de, ate, usuario, momento) as correcao
        join (
            values
                ('incluida', 'inclusao'),
                ('desconsiderada', 'desconsideracao')
        ) as caso (tipo, da_correcao) on caso.da_correcao = correcao.tipo
        left join batida on batida.id = correcao.alvo -- the punch that is disregarded
    where vale
    union all
    -- Single punches
    select caso.tipo, usuario_id, nome, dia, id, date_trunc('minute', local), dispositivo, caso.medida, 1
    from (
        select *, minuto - lag(minuto) over (partition by usuario_id order by ponto, id) as distancia
        -- From so much earlier that whatever proximas reaches back to is seen, of which a month has 30 days
        from batidas(de - 2 - ceil(extract(epoch from greatest(proximas, '0')) / 86400)::int, ate, usuario, momento)
            cross join lateral date_trunc('minute', ponto, fuso) as minuto
    ) as batida
        cross join lateral (
            values
                ('proxima', distancia, distancia <= proximas),
                ('futura', -atraso_recebimento, -atraso_recebimento > futuro),
                ('atrasada', atraso_recebimento, atraso_recebimento > atraso),
                ('relogio', batida.desvio, greatest(batida.desvio, -batida.desvio) > excecoes.desvio)
        ) as caso (tipo, medida, vale)
    where caso.vale and dia between de and ate
    union all
    -- Single punches whose own day is nobody's month, by the working day of their receipt
    select 'redefinida', usuario_id, nome, chegada, id, date_trunc('minute', local), dispositivo, atraso_recebimento, 1
    from batidas_em(momento) cross join lateral (values ((recebida_em at time zone fuso - corte)::date)) as dia (chegada)
    where chegada between de and ate
        and recebida_em >= antes_do_dia(de)
        and recebida_em < depois_do_dia(ate)
        and do_usuario(usuario_id, usuario)
        and greatest(atraso_recebimento, -atraso_recebimento) > redefinicao
    order by 4, 2, 1, 6;
end;

comment on function excecoes is
    'What somebody should look at in the working days from de to ate, of one employee or (null) of all. The limits: '
    'jornada_maxima, of the time worked in a day; proximas, of the distance of two punches; atraso, from punching to '
    'receipt; futuro, from receipt to punching; dias, from the end of a working day to the writing of a punch or a '
    'correction; desvio, between sending and receipt; redefinicao, between punching and receipt, either way. As of a '
    'moment (null: now)';

revoke execute on function excecoes from public;
grant execute on function excecoes to ponto_reader;

-- 10_cut_offs.sql
-- Cut-offs that fit better.

create or replace function cortes(de date, ate date, usuario bigint default null) returns setof corte_sugerido
language sql stable parallel safe
begin atomic
    with presente as (
        select usuario_id, count(*)::int as dias, count(minutos_descanso)::int as divididos
        from jornadas(de, ate, usuario)
        group by usuario_id
    ),
    intervalo as (
        select
            usuario_id,
            date_trunc('minute', local) as antes,
            lead(date_trunc('minute', local)) over (partition by usuario_id order by ponto, id) as depois
        from batidas(de, ate, usuario)
        where usuario_id in (select usuario_id from presente where divididos > 0)
    ),
    -- Every full hour lies between two punches. Beyond a day their distance says no more, or one vacation would decide.
    hora_cheia as (
        select
            usuario_id,
            hora::time as hora,
            avg(least(depois - antes, interval '1 day')) as folga,
            least(
                avg(least(hora - antes, interval '12 hours')), avg(least(depois - hora, interval '12 hours'))
            ) as margem,
            count(*) filter (where depois - antes < interval '11 hours')::int as divididos
        from intervalo
            cross join lateral generate_series(date_trunc('hour', antes) + interval '1 hour', depois, '1 hour') as hora
        group by usuario_id, hora::time
    ),
    melhor as (
        select distinct on (usuario_id) *
        from hora_cheia
        order by usuario_id, folga desc, margem desc, hora
    )
    select
        usuario_id,
        nome,
        coalesce(fuso, fuso_padrao()),
        coalesce(corte, '04:00'),
        dias,
        presente.divididos,
        case when melhor.divididos < presente.divididos then hora end,
        case when melhor.divididos < presente.divididos then melhor.divididos end,
        case when melhor.divididos < presente.divididos then date_trunc('minute', melhor.folga) end
    from presente
        left join melhor using (usuario_id)
        left join funcionario using (usuario_id)
    order by usuario_id;
end;

comment on function cortes is
    'Cut-offs that fit the punches of the working days from de to ate better, of one employee or (null) of all who '
    'punched: the full hour that lies in the widest regular gap between punches';

revoke execute on function cortes from public;
grant execute on function cortes to ponto_reader;

-- 12_peak.sql
-- The peak, minute by minute.

create or replace function minuto_de(instante timestamptz) returns timestamptz
language sql immutable parallel safe
return date_bin('1 minute', instante, 'epoch');

comment on function minuto_de is 'An instant cut to the minute of UTC, which is that of every time zone in use';

-- In hours, for a day of a session's time zone may have another length.
create or replace function fila_desde(de timestamptz) returns timestamptz
language sql stable parallel safe
return minuto_de(de) - interval '1440 hours';

comment on function fila_desde is
    'Received before this, 60 days earlier, a punch is not of the queue that pico() sees from de on';

create or replace function pico(de timestamptz, ate timestamptz) returns setof minuto_do_pico
language sql stable parallel safe
begin atomic
    with punched as (
        select minuto_de(ponto) as minuto, count(*) as batidas
        from batida
        where ponto >= minuto_de(de) and ponto < minuto_de(ate) and usuario_id <> usuario_reservado()
        group by 1
    ),
    -- Who waits is seen at the end of a minute: a punch that was written in the minute of its receipt never waited.
    received as (
        select
            minuto_de(recebida_em) as minuto,
            count(*) as recebidas,
            count(*) filter (where minuto_de(recebida_em) < minuto_de(gravada_em)) as entram
        from batida
        where recebida_em >= minuto_de(de) and recebida_em < minuto_de(ate) and usuario_id <> usuario_reservado()
        group by 1
    ),
    written as (
        select
            minuto_de(gravada_em) as minuto,
            count(*) as gravadas,
            -- Who leaves must have been counted as waiting: the same bound as below, or fila would fall below zero.
            count(*) filter (
                where minuto_de(recebida_em) < minuto_de(gravada_em) and recebida_em > fila_desde(de)
            ) as saem,
            max(gravada_em - recebida_em) as idade
        from batida
        where gravada_em >= minuto_de(de) and gravada_em < minuto_de(ate) and usuario_id <> usuario_reservado()
            and recebida_em is not null -- not copied from the first version's table
        group by 1
    )
    select
        minuto,
        coalesce(batidas, 0)::int,
        coalesce(recebidas, 0)::int,
        coalesce(gravadas, 0)::int,
        (
            (
                select count(*)
                from batida
                where recebida_em < minuto_de(de) and gravada_em >= minuto_de(de) and usuario_id <> usuario_reservado()
                    -- So that an old day is found fast. A dead letter that is sent back keeps its time of receipt;
                    -- a queue keeps either for 14 days.
                    and recebida_em > fila_desde(de)
            )
            + sum(coalesce(entram, 0) - coalesce(saem, 0)) over (order by minuto)
        )::int,
        idade
    from generate_series(minuto_de(de), minuto_de(ate) - interval '1 minute', '1 minute') as minuto
        left join punched using (minuto)
        left join received using (minuto)
        left join written using (minuto)
    order by minuto;
end;

comment on function pico is
    'Minutes from that of de to before that of ate, also those in which nothing happened. Punches of the first version '
    'count as punched only';

revoke execute on function minuto_de, fila_desde, pico from public;
grant execute on function minuto_de, fila_desde, pico to ponto_reader;

-- 13_gaps.sql
-- Numbers of devices that are missing, or came twice.

create or replace function lacunas_recebidas(de date, ate date)
returns table (
    dispositivo text, situacao text, numero_inicial bigint, numero_final bigint, quantas bigint, ponto_antes timestamptz,
    ponto_depois timestamptz, desde timestamptz
)
language sql stable parallel safe
begin atomic
    with recursive
    -- Every device, each by a jump through the index to the next; of some days only, this is empty.
    nome as (
        select min(dispositivo) as dispositivo from batida where sequencia is not null and de = '-infinity'
        union all
        select (
            select min(dispositivo) from batida where sequencia is not null and batida.dispositivo > nome.dispositivo
        )
        from nome
        where dispositivo is not null
    ),
    aparelho as (
        select dispositivo, 1::bigint as menor, 9223372036854775807 as maior
        from nome
        where dispositivo is not null
        union all
        select dispositivo, min(sequencia), max(sequencia)
        from batida
        where de > '-infinity'
            and sequencia is not null
            and dispositivo is not null
            -- By `select`, so that it is computed once and not for every row.
            and recebida_em >= (select de::timestamp at time zone fuso_padrao())
            and recebida_em < (select (ate + 1)::timestamp at time zone fuso_padrao())
        group by dispositivo
    ),
    -- Device by device, of the index alone: a row of another id is another row, so that a number which stands twice came
    -- twice. From the last number before those of the days, or from the first that there can be.
    achado as (
        select distinct dispositivo, sequencia, anterior
        from aparelho
            cross join lateral (
                select sequencia, lag(sequencia, 1, 0) over (order by sequencia) as anterior
                from batida
                where batida.dispositivo = aparelho.dispositivo
                    and sequencia <= maior
                    and sequencia >= coalesce(
                        (
                            select sequencia
                            from batida
                            where batida.dispositivo = aparelho.dispositivo and sequencia < menor
                            order by sequencia desc
                            limit 1
                        ),
                        1
                    )
            ) as numero
        where sequencia >= menor and sequencia - anterior <> 1
    ),
    -- What the rows of that number say of it. Repeated numbers in a row that came equally often have the same `trecho`.
    visto as (
        select
            *,
            sequencia - row_number() over (partition by dispositivo, sequencia = anterior, vezes order by sequencia)
            as trecho
        from achado
            cross join lateral (
                select
                    count(*) as vezes,
                    min(ponto) as primeira,
                    max(ponto) as ultima,
                    case when achado.sequencia = anterior then max(recebida_em) else min(recebida_em) end as desde
                from batida
                where batida.dispositivo = achado.dispositivo and batida.sequencia = achado.sequencia
            ) as numeradas
        where numeradas.desde >= (select de::timestamp at time zone fuso_padrao())
            and numeradas.desde < (select (ate + 1)::timestamp at time zone fuso_padrao())
    )
    select
        dispositivo,
        'faltam',
        anterior + 1,
        sequencia - 1,
        sequencia - 1 - anterior,
        (select max(ponto) from batida where batida.dispositivo = visto.dispositivo and batida.sequencia = anterior),
        primeira,
        visto.desde
    from visto
    where sequencia > anterior
    union all
    select dispositivo, 'repetida', min(sequencia), max(sequencia), vezes, min(primeira), max(ultima), max(visto.desde)
    from visto
    where sequencia = anterior
    group by dispositivo, vezes, trecho
    order by 1, 3, 2;
end;

create or replace view lacunas as select * from lacunas_recebidas('-infinity', 'infinity');

comment on function lacunas_recebidas is
    'Numbers (sequencia) that are missing or came twice, as far as what came from de to ate shows it, by the stage''s '
    'days, with the columns of the view lacunas';
comment on view lacunas is
    'Numbers (sequencia) of devices that are missing, and those that came twice under other ids, as from a cloned device';
comment on column lacunas.dispositivo is 'Device, as it calls itself';
comment on column lacunas.situacao is 'faltam: no row has these numbers; repetida: several rows have each of these numbers';
comment on column lacunas.numero_inicial is 'The first of the numbers';
comment on column lacunas.numero_final is 'The last of them';
comment on column lacunas.quantas is 'faltam: how many are missing; repetida: how many rows have each number';
comment on column lacunas.ponto_antes is
    'faltam: when the number before was punched; null: there is none; repetida: the earliest of the rows; an instant';
comment on column lacunas.ponto_depois is
    'faltam: when the number after was punched; repetida: the latest of the rows; an instant';
comment on column lacunas.desde is
    'When it showed: faltam: the number after was received; repetida: the last of the rows was; an instant';

revoke execute on function lacunas_recebidas from public;
grant execute on function lacunas_recebidas to ponto_reader;
grant select on lacunas to ponto_reader;

-- 14_correcting.sql
-- What writing a correction needs besides the tables.

create or replace function instantes_locais(local timestamp, zona text) returns timestamptz[]
language sql stable parallel safe begin atomic
    -- Of the offsets a day before and after: a change lies between them, or there is none.
    select array(
        select distinct instante
        from unnest(array[-24, 24]) as horas
            cross join lateral (values (local at time zone zona + make_interval(hours => horas))) as perto (outro)
            cross join lateral (
                values (local at time zone 'UTC' - (outro at time zone zona - outro at time zone 'UTC'))
            ) as candidato (instante)
        where instante at time zone zona = local
        order by instante
    );
end;

comment on function instantes_locais is
    'The instants of a local time in a zone: two where a change of the clocks repeats it, none where one leaves it out';

create or replace function um_instante(instantes timestamptz[], local timestamp, zona text) returns timestamptz
language plpgsql stable parallel safe set search_path = pg_catalog, pg_temp as $$
declare
    escrita constant text := to_char(local, 'YYYY-MM-DD"T"HH24:MI');
    com_deslocamento constant text := 'YYYY-MM-DD"T"HH24:MITZH:TZM';
begin
    if cardinality(instantes) = 1 then
        return instantes[1];
    elsif cardinality(instantes) = 0 then
        raise exception '% is left out in %, where the clocks change: give the offset of the time that is meant',
            escrita, zona
        using errcode = 'check_violation';
    end if;
    raise exception '% is twice in %, where the clocks change: give the offset, as % or %',
        escrita, zona, to_char(instantes[1], com_deslocamento), to_char(instantes[2], com_deslocamento)
    using errcode = 'check_violation';
end
$$;

comment on function um_instante is 'The one of these instants; refuses where there are none or two';

create or replace function instante_local(usuario bigint, local timestamp) returns timestamptz
language sql stable parallel safe begin atomic
    select um_instante(instantes_locais(local, zona), local, zona)
    from (values (coalesce((select fuso from funcionario where usuario_id = usuario), fuso_padrao()))) as dele (zona);
end;

comment on function instante_local is
    'The one instant of a local time in the employee''s time zone, or the stage''s; refuses a time that a change of the '
    'clocks repeats or leaves out';

revoke execute on function instantes_locais, um_instante, instante_local from public;
grant execute on function instantes_locais, um_instante, instante_local, fuso_padrao, semana, semanas
to ponto_corrections, ponto_correctors;
-- The list of corrections.
grant execute on function
    usuario_reservado, do_usuario, primeiro_dia, ultimo_dia, hora_local, escrita_ate, correcoes_sem_nome
to ponto_correctors;
