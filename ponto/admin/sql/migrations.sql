-- name: take_advisory_lock
-- Take the advisory lock of the migrations for this session: one run at a time. Fails after a while if another has it.
select
    set_config('idle_session_timeout', %(idle)s, false), -- the client may be stopped or gone: then the server gives up
    set_config('idle_in_transaction_session_timeout', %(idle)s, false), -- its locks by itself
    set_config('statement_timeout', '0', false), -- copying rows may take long
    set_config('lock_timeout', %(advisory)s, false);

-- The lock's number is "batida" in ASCII. Whoever comes second waits here, then finds everything applied. It has no
-- other lock meanwhile, so nobody waits for it but an index that is built concurrently, which waits for all that began.
select pg_advisory_lock(0x626174696461);

-- From here on whoever writes to a table waits behind this session, should it have to wait for a lock itself.
select set_config('lock_timeout', %(lock)s, false)

-- name: lock_holders
-- Other transactions that hold a lock that a migration may need: on a relation of this schema, or the advisory lock.
select distinct
    pid,
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
order by pid

-- name: release_candidate_schemas
-- Schemas in which 1.0.0-rc.1 or earlier kept its migrations: without the oids of roles, which later versions record.
select format('%%I', nspname)
from unnest(current_setting('ponto.search_path')::name[]) as path (nspname)
    join pg_namespace using (nspname)
    join pg_class on relnamespace = pg_namespace.oid
where relname = 'migracao'
    and relowner in (select oid from pg_roles where rolname = current_user or rolsuper)
    and array['nome', 'checksum', 'aplicada_em']::name[] <@ array(
        select attname from pg_attribute where attrelid = pg_class.oid
    )
    and not exists (
        select
        from pg_attribute
        where attrelid = to_regclass(format('%%I.migracao_papel', nspname)) and attname = 'oid' and attnum > 0
    )

-- name: begin_migrations
-- Set the stage's time zone and create the tables of the migrations. Returns what is recorded as applied.

select set_config('timezone', %(time_zone)s, true);

do $$
declare
    zone constant text := current_setting('timezone');
begin
    -- PostgreSQL also takes POSIX zones, whose sign is the other way round: "UTC+3" is west of Greenwich.
    if not exists (select from pg_timezone_names where name = zone) then
        raise exception 'invalid value for parameter "TimeZone": "%%"', zone;
    end if;
    -- For people who query the table: they see local times, as in the first version.
    if not exists (
        select
        from pg_db_role_setting join pg_database on pg_database.oid = setdatabase
        where datname = current_database() and setrole = 0 and 'TimeZone=' || zone = any(setconfig)
    ) then
        execute format('alter database %%I set timezone = %%L', current_database(), zone);
    end if;
end
$$;

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
