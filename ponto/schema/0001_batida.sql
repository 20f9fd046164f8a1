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

-- The derived id of a punch is a UUIDv5, which PostgreSQL computes only with an extension.
-- SHA-1 as in RFC 3174, section 6.1. bigint stands for its unsigned 32-bit words, cut to them by `mask`.
create function pg_temp.uuid_v5(namespace uuid, name text) returns uuid
language plpgsql immutable strict as $$
declare
    mask constant bigint := x'ffffffff'::bigint;
    message bytea := uuid_send(namespace) || convert_to(name, 'UTF8');
    bits constant bigint := 8 * length(message);
    h0 bigint := x'67452301'::bigint;
    h1 bigint := x'efcdab89'::bigint;
    h2 bigint := x'98badcfe'::bigint;
    h3 bigint := x'10325476'::bigint;
    h4 bigint := x'c3d2e1f0'::bigint;
    a bigint; b bigint; c bigint; d bigint; e bigint;
    f bigint; -- the round's function plus its constant
    w bigint[]; -- the block's 16 words, expanded to 80
    digest bytea;
begin
    message := message || '\x80' || decode(repeat('00', (119 - length(message) % 64) % 64), 'hex')
        || int8send(bits);
    for block in 0 .. length(message) / 64 - 1 loop
        a := h0; b := h1; c := h2; d := h3; e := h4;
        for t in 1 .. 80 loop
            if t <= 16 then
                w[t] := ('x' || encode(substr(message, 64 * block + 4 * t - 3, 4), 'hex'))::bit(32)::bigint;
            else
                f := w[t - 3] # w[t - 8] # w[t - 14] # w[t - 16];
                w[t] := ((f << 1) | (f >> 31)) & mask;
            end if;
            if t <= 20 then
                f := (d # (b & (c # d))) + x'5a827999'::bigint;
            elsif t <= 40 then
                f := (b # c # d) + x'6ed9eba1'::bigint;
            elsif t <= 60 then
                f := ((b & c) | (d & (b | c))) + x'8f1bbcdc'::bigint;
            else
                f := (b # c # d) + x'ca62c1d6'::bigint;
            end if;
            f := (((a << 5) | (a >> 27)) + f + e + w[t]) & mask;
            e := d;
            d := c;
            c := ((b << 30) | (b >> 2)) & mask;
            b := a;
            a := f;
        end loop;
        h0 := (h0 + a) & mask;
        h1 := (h1 + b) & mask;
        h2 := (h2 + c) & mask;
        h3 := (h3 + d) & mask;
        h4 := (h4 + e) & mask;
    end loop;
    -- A UUID takes the first 16 of the 20 bytes, with the version and the variant written over.
    digest := substr(int8send(h0), 5) || substr(int8send(h1), 5)
        || substr(int8send(h2), 5) || substr(int8send(h3), 5);
    digest := set_byte(digest, 6, (get_byte(digest, 6) & 15) | 80);
    digest := set_byte(digest, 8, (get_byte(digest, 8) & 63) | 128);
    return encode(digest, 'hex')::uuid;
end
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
        pg_temp.uuid_v5(
            '9a8c2637-8721-502f-a62a-4ecf3a2e22c8', -- the namespace of derive_id in ponto/punch.py
            usuario_id || '|' || to_char(ponto at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        ),
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

drop function pg_temp.uuid_v5;

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
