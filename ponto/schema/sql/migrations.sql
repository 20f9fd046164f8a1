-- name: take_advisory_lock
-- Take the advisory lock that admits one run of the owner's writes at a time. Times out if another run holds it.
-- If the client hangs or disconnects, the server releases its locks.
set idle_session_timeout = '30s'; -- longer than a pause between tries, and than fetching a secret
set idle_in_transaction_session_timeout = %(idle_timeout_ms)s;
set statement_timeout = 0; -- copying rows may take long
-- Wait less than deadlock_timeout (1 s); the caller retries. If the other run builds an index concurrently, the build waits
-- for this statement, and PostgreSQL would report a deadlock after 1 s.
select set_config('lock_timeout', least(500, %(advisory_lock_timeout_ms)s)::text, false);

-- The lock's key is arbitrary, but the same in all versions. While a second run waits here it holds no other lock, so it blocks
-- only a concurrent index build, which waits for all earlier transactions.
select pg_advisory_lock(0x626174696461);

set lock_timeout = 0

-- name: lock_holders
-- Other transactions that hold a lock that a migration may need: on a relation of the schema, or the advisory lock.
select distinct
    virtualtransaction,
    format('pid %%s (%%s, as %%s)', pid, coalesce(nullif(application_name, ''), 'no application_name'), usename)
from pg_locks
    join pg_stat_activity using (pid)
where granted
    and pid <> pg_backend_pid()
    and database = (select oid from pg_database where datname = current_database())
    and (
        relation in (select oid from pg_class where relnamespace = to_regnamespace(%(schema)s))
        or (locktype = 'advisory' and classid = 0x6261 and objid = 0x74696461)
    )
order by 2

-- name: set_time_zone
-- Set the stage's time zone for this transaction. Returns no row if PostgreSQL does not list the name. set_config alone
-- would also accept POSIX zones, whose sign is inverted: "UTC+3" is west of Greenwich.
select set_config('timezone', name, true) from pg_timezone_names where name = %(time_zone)s

-- name: set_default_time_zone
-- Set the database's default time zone, so that people who query the tables see local times.
select format('alter database %%I set timezone = %%L', current_database(), %(time_zone)s), null
where not exists (
    select
    from pg_db_role_setting join pg_database on pg_database.oid = setdatabase
    where datname = current_database() and setrole = 0 and 'TimeZone=' || %(time_zone)s = any(setconfig)
)

-- name: create_tables
-- Create the tables that record the migrations. Returns the applied files.
set local client_min_messages = warning; -- suppresses "already exists" notices

create table if not exists ponto.migracao (
    nome text primary key, -- names of the slice and the file: ponto/0001_batida.sql
    checksum text not null, -- SHA-256 of the file, hexadecimal
    aplicada_em timestamptz not null default clock_timestamp()
);

create table if not exists ponto.migracao_repetivel (
    nome text primary key, -- as in migracao
    checksum text not null,
    objetos text[] not null, -- objects that the file creates, such as "view NAME"
    aplicada_em timestamptz not null default clock_timestamp()
);

create table if not exists ponto.migracao_papel (
    nome text primary key, -- name of a role
    fatia text not null, -- the slice that declares the role
    oid oid not null -- the role's oid; it changes if the role is dropped and created again
);

set local client_min_messages = notice;

select nome, checksum from ponto.migracao order by nome

-- name: index_is_valid
-- Return whether an index is valid, which is false after an interrupted build. Returns no row if there is no such index.
select indisvalid
from pg_index
where indexrelid = to_regclass(format('%%I.%%I', %(schema)s::text, %(index)s::text))

-- name: record_migration
insert into ponto.migracao (nome, checksum) values (%(name)s, %(checksum)s)
