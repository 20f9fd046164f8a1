-- The table of punches, and the table of failing messages.

-- The checks accept exactly what POST /ponto can deliver (punch.schema.json), so that another client with the drain's login
-- cannot store a row that breaks a reader. Instants have a day more at both ends, because an offset moves a local year.
create table ponto.batida (
    id uuid primary key,
    usuario_id bigint not null check (usuario_id between 1 and 9007199254740991),
    ponto timestamptz not null check (ponto >= '1899-12-31 00:00Z' and ponto < '3000-01-02 00:00Z'),
    deslocamento smallint check (deslocamento between -899 and 899),
    dispositivo text check (
        char_length(dispositivo) <= 64
        and dispositivo !~ '[\u0001-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]'
    ),
    offline boolean,
    enviado timestamptz check (enviado >= '1899-12-31 00:00Z' and enviado < '3000-01-02 00:00Z'),
    -- The upper limits also exclude NaN, which PostgreSQL sorts above all numbers.
    latitude double precision check (latitude between -90 and 90),
    longitude double precision check (longitude between -180 and 180),
    precisao double precision check (precisao between 0 and 20037508),
    recebida_em timestamptz check (recebida_em >= '1970-01-01 00:00Z' and recebida_em < '3000-01-02 00:00Z'),
    -- clock_timestamp(), because now() is the time at which the transaction began, which may be much earlier.
    gravada_em timestamptz not null default clock_timestamp(),
    mensagem_id text check (char_length(mensagem_id) between 1 and 100),
    chave text check (char_length(chave) between 1 and 100),
    sequencia bigint check (sequencia between 1 and 9007199254740991)
);

comment on table ponto.batida is 'Punches. Rows are added, never changed or removed.';
comment on column ponto.batida.id is 'Idempotency key: the client''s, or derived from usuario_id and ponto';
comment on column ponto.batida.usuario_id is 'Employee';
comment on column ponto.batida.ponto is 'When the employee punched, by the device''s clock';
comment on column ponto.batida.deslocamento is 'UTC offset that the device sent, minutes east; null: none';
comment on column ponto.batida.dispositivo is 'Name that the device sends';
comment on column ponto.batida.offline is 'Whether the device was offline at the punch; null: not sent';
comment on column ponto.batida.enviado is 'When the device sent the punch, by its clock';
comment on column ponto.batida.latitude is 'Degrees, by the device';
comment on column ponto.batida.longitude is 'Degrees, by the device';
comment on column ponto.batida.precisao is 'Accuracy of latitude and longitude, metres';
comment on column ponto.batida.recebida_em is 'When the queue received the punch; null: a punch of the first version';
comment on column ponto.batida.gravada_em is 'When the row was written';
comment on column ponto.batida.mensagem_id is 'Id of the punch''s message; null: a punch of the first version';
comment on column ponto.batida.chave is 'Id of the API key, never the key; null: none was sent';
comment on column ponto.batida.sequencia is 'Number of the punch on the device; null: none was sent';

-- For reading an employee's punches by weeks (Monday to Sunday, UTC, as semana() computes them). All punches of a week are
-- adjacent, so that the drain changes only a few pages. Equal entries share their key, which keeps the index small.
create index batida_semana_usuario_id_idx
on ponto.batida (date_bin('7 days', ponto, timestamptz '2000-01-03 00:00Z'), usuario_id);

-- Rows are stored nearly in the order of these columns, so that a few bytes per 128 pages suffice to find a day, and inserts
-- cost almost nothing. `minmax_multi` keeps several ranges, of which a device with a wrong clock widens only one.
create index on ponto.batida using brin (ponto timestamptz_minmax_multi_ops) with (autosummarize = on);
create index on ponto.batida using brin (recebida_em timestamptz_minmax_multi_ops) with (autosummarize = on);
create index on ponto.batida using brin (gravada_em) with (autosummarize = on);

create function ponto.batida_append_only() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception '% refused: rows of batida are never changed or removed', tg_op;
end
$$;

comment on function ponto.batida_append_only() is 'Refuses to change or remove a punch';

create trigger append_only before update or delete or truncate on ponto.batida
for each statement execute function ponto.batida_append_only();

create table ponto.falha (
    mensagem_id text primary key,
    desde timestamptz not null default clock_timestamp()
);

comment on table ponto.falha is
    'Messages on which the drain''s code fails; they are retried until a faulty release can be corrected';
comment on column ponto.falha.mensagem_id is 'Message of the queue';
comment on column ponto.falha.desde is 'Time of the first failure';

-- Revoke the privilege TEMPORARY from PUBLIC, because temporary tables can fill the disk. If others use the database too, only
-- report it.

do $$
begin
    if not has_database_privilege('public', current_database(), 'temporary') then
        return;
    end if;
    if pg_has_role((select datdba from pg_database where datname = current_database()), 'usage')
        and not exists (
            select
            from pg_class
            where relkind in ('r', 'p', 'f')
                and relnamespace::regnamespace::text !~ '^(pg_|information_schema$)'
                and relnamespace <> (select relnamespace from pg_class where oid = 'ponto.batida'::regclass)
                and not (relname = 'batida' and relowner::regrole::text = quote_ident(current_user)) -- of the original
        )
    then
        execute format('revoke temporary on database %I from public', current_database());
    else
        raise notice '%', format(
            'every role can create temporary tables in database %1$I, which others use too. If none of them needs '
            'that, run: revoke temporary on database %1$I from public',
            current_database()
        );
    end if;
end
$$;
