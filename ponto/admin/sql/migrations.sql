-- name: take_advisory_lock
-- Take the advisory lock of the migrations for this session: one run at a time. Fails after a while if another has it.
-- If the client is stopped or gone, the server releases its locks.
set idle_session_timeout = %(idle_ms)s;
set idle_in_transaction_session_timeout = %(idle_ms)s;
set statement_timeout = 0; -- copying rows may take long
-- Before it asks again: an index that the other run builds waits for this statement, and after 1 s PostgreSQL would end one
-- of the two as deadlocked.
select set_config('lock_timeout', least(500, %(advisory_ms)s)::text, false);

-- The lock's number is "batida" in ASCII. A second run waits here, then finds everything applied. It holds no other lock
-- meanwhile, so it blocks nothing but a concurrent build of an index, which waits for all earlier transactions.
select pg_advisory_lock(0x626174696461);

-- From here on, writers of a table wait behind this session when it waits for a lock.
set lock_timeout = %(lock_ms)s

-- name: lock_holders
-- Other transactions that hold a lock that a migration may need: on a relation of this schema, or the advisory lock.
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

-- name: release_candidate_schemas
-- Schemas in which 1.0.0-rc.1 or earlier kept its migrations: without the oids of roles, which later versions record.
select format('%%I', nspname)
from unnest(current_setting('ponto.search_path')::name[]) as path (nspname)
    join pg_class on relnamespace = to_regnamespace(quote_ident(nspname))
    join pg_roles on pg_roles.oid = relowner and (rolname = current_user or rolsuper)
    join pg_attribute on attrelid = pg_class.oid
where (relname, attname) in (('migracao', 'aplicada_em'), ('migracao_papel', 'oid'))
group by nspname
having bool_and(relname = 'migracao')

-- name: set_time_zone
-- Set the stage's time zone for this transaction. No row: PostgreSQL does not know it by name. It also takes POSIX zones,
-- whose sign is the other way round: "UTC+3" is west of Greenwich.
select set_config('timezone', name, true) from pg_timezone_names where name = %(time_zone)s

-- name: set_default_time_zone
-- For people who query the table: they see local times, as in the first version.
select format('alter database %%I set timezone = %%L', current_database(), %(time_zone)s), null
where not exists (
    select
    from pg_db_role_setting join pg_database on pg_database.oid = setdatabase
    where datname = current_database() and setrole = 0 and 'TimeZone=' || %(time_zone)s = any(setconfig)
)

-- name: create_tables
-- Create the tables of the migrations. Returns what is recorded as applied.
set local client_min_messages = warning; -- they are there from the second time on

create table if not exists ponto.migracao (
    nome text primary key, -- the slice's name and the file's: ponto/0001_batida.sql
    checksum text not null, -- SHA-256 of the file, hexadecimal
    aplicada_em timestamptz not null default clock_timestamp()
);

create table if not exists ponto.migracao_repetivel (
    nome text primary key,
    checksum text not null,
    objetos text[] not null, -- what the file creates: "view jornada"
    aplicada_em timestamptz not null default clock_timestamp()
);

create table if not exists ponto.migracao_papel (
    nome text primary key, -- a role's
    fatia text not null, -- the slice that declares it
    oid oid not null -- of a role of this name that was dropped and created by others
);

set local client_min_messages = notice;

select nome, checksum from ponto.migracao order by nome

-- name: index_is_valid
-- Whether an index can be used; an interrupted build leaves one that cannot. No row: there is no such index.
select indisvalid
from pg_index
where indexrelid = to_regclass(format('%%I.%%I', %(schema)s::text, %(index)s::text))

-- name: record_migration
insert into ponto.migracao (nome, checksum) values (%(name)s, %(checksum)s)
