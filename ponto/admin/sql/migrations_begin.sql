-- Begin a transaction of migrations, in the stage's time zone, in a session that has the advisory lock.
-- Returns what is recorded as applied.

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
