-- The table of punches, and the punches of the table that this project's first version kept.

-- The first version's table steps aside, by name only: every row stays as it was.
do $$
declare
    has constant text[] := array(
        select attname || ' ' || format_type(atttypid, null)
        from pg_attribute
        where attrelid = to_regclass('batida') and attnum > 0 and not attisdropped
    );
    key name;
begin
    if to_regclass('batida') is null then
        return;
    end if;
    if not has @> array['id integer', 'usuario_id integer', 'ponto timestamp without time zone'] then
        raise exception 'table batida exists, but it is not the one of the first version: %', has;
    end if;

    alter table batida rename to batida_original;
    -- Whatever it is called: the new table's is to have the usual name.
    select conname into key from pg_constraint where conrelid = 'batida_original'::regclass and contype = 'p';
    if key <> 'batida_original_pkey' then
        execute format('alter table batida_original rename constraint %I to batida_original_pkey', key);
    end if;
end
$$;

-- The checks admit whatever POST /ponto can deliver (punch.schema.json) and no more: somebody else who signs in as the
-- function stores no row that breaks a reader. Instants have a day more at both ends, for an offset moves a local year.
create table batida (
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
    -- NaN is above all numbers.
    latitude double precision check (latitude between -90 and 90),
    longitude double precision check (longitude between -180 and 180),
    precisao double precision check (precisao between 0 and 20037508),
    recebida_em timestamptz check (recebida_em >= '1970-01-01 00:00Z' and recebida_em < '3000-01-02 00:00Z'),
    -- Not now(), which is when the transaction began: maybe well before.
    gravada_em timestamptz not null default clock_timestamp(),
    mensagem_id text check (char_length(mensagem_id) between 1 and 100),
    chave text check (char_length(chave) between 1 and 100)
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

-- As derive_id of ponto/derived_id.py.
create function pg_temp.derived_id(usuario_id bigint, instant timestamptz) returns uuid
language sql immutable strict as $$
    select encode(
        set_byte(set_byte(id, 6, get_byte(id, 6) & 15 | 128), 8, get_byte(id, 8) & 63 | 128), 'hex'
    )::uuid
    from (
        select
            substr(int8send(floor(extract(epoch from instant - '1899-12-31 00:00Z') * 1000)::bigint), 3)
            || substr(
                sha256(convert_to(
                    usuario_id || '|' || to_char(instant at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'UTF8'
                )),
                1,
                10
            )
    ) as derived (id)
$$;

-- Copy the first version's punches. Its handler stored a redelivered message again: the same employee at the
-- same instant is the same punch. Its ponto is local time in the zone of this session, set by the migrator.
do $$
declare
    total bigint;
    possible bigint;
    copied bigint;
begin
    if to_regclass('batida_original') is null then
        return;
    end if;

    insert into batida (id, usuario_id, ponto)
    select
        pg_temp.derived_id(usuario_id, ponto),
        usuario_id,
        ponto
    from (
        select distinct usuario_id, ponto::timestamptz as ponto
        from batida_original
        -- Neither null nor infinite, and of the years that a client may send.
        where usuario_id > 0 and ponto >= '1900-01-01' and ponto < '3000-01-01'
    ) as punch;
    get diagnostics copied = row_count;

    select
        count(*),
        count(*) filter (where usuario_id > 0 and ponto >= '1900-01-01' and ponto < '3000-01-01')
    into total, possible
    from batida_original;
    raise notice
        'batida_original: % rows, % punches copied, % repeats, % left out (no employee above 0, no time from 1900 to 2999)',
        total, copied, possible - copied, total - possible;
end
$$;

drop function pg_temp.derived_id;

create index on batida (usuario_id, ponto);

create function batida_append_only() returns trigger
language plpgsql as $$
begin
    raise exception '% refused: rows of batida are never changed or removed', tg_op;
end
$$;

create trigger append_only before update or delete or truncate on batida
for each statement execute function batida_append_only();

create table falha (
    mensagem_id text primary key,
    desde timestamptz not null default clock_timestamp()
);

comment on table falha is 'Messages that the function''s own code fails on, so that none is given up before a bad release can be mended';
comment on column falha.mensagem_id is 'Message of the queue';
comment on column falha.desde is 'When it failed on it first';
