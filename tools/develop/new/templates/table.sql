-- The table of $nouns, and that of failing messages.

-- The checks admit what POST $path accepts ($noun.schema.json) and no more, so that an attacker who signs in as the function
-- cannot store a row that breaks a reader. Instants may be a day outside the years 1900 to 2999, because of their offsets.
create table $schema.$table (
$column_definitions,
    recebida_em timestamptz check (recebida_em >= '1970-01-01 00:00Z' and recebida_em < '3000-01-02 00:00Z'),
    -- Not now(), which is the start of the transaction and may be much earlier.
    gravada_em timestamptz not null default clock_timestamp(),
    mensagem_id text check (char_length(mensagem_id) between 1 and 100),
    chave text check (char_length(chave) between 1 and 100)
);

comment on table $schema.$table is 'Rows are added, never changed or removed.';
$column_comments
comment on column $schema.$table.recebida_em is 'When the queue received the message';
comment on column $schema.$table.gravada_em is 'When the row was written';
comment on column $schema.$table.mensagem_id is 'Id of the message in the queue';
comment on column $schema.$table.chave is 'Id of the API key, never the key itself; null: sent without one';

-- For the $nouns of one $subject, by week (Monday to Sunday, UTC), as semana() computes it. The entries of a week are next to
-- each other, so that inserts need only a few pages of the index. Entries with equal keys are stored as one, so that a
-- week is small.
create index ${table}_semana_idx
on $schema.$table (date_bin('7 days', $instant, timestamptz '2000-01-03 00:00Z'), $subject_column);

-- Rows are inserted nearly in the order of these columns, so that indexes with a few bytes for 128 pages find a day among
-- years, and cost inserts almost nothing. The first two keep several ranges, of which a wrong clock spoils only one.
create index on $schema.$table
using brin ($instant timestamptz_minmax_multi_ops) with (autosummarize = on);
create index on $schema.$table
using brin (recebida_em timestamptz_minmax_multi_ops) with (autosummarize = on);
create index on $schema.$table
using brin (gravada_em) with (autosummarize = on);

create function $schema.${table}_append_only() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$$$
begin
    raise exception '% refused: rows of $table are never changed or removed', tg_op;
end
$$$$;

comment on function $schema.${table}_append_only() is 'Refuses to change or remove rows';

create trigger append_only before update or delete or truncate
on $schema.$table
for each statement execute function $schema.${table}_append_only();

create table $schema.falha (
    mensagem_id text primary key,
    desde timestamptz not null default clock_timestamp()
);

comment on table $schema.falha is
    'Messages on which the function''s own code fails, so that none is given up before a bad release can be mended';
comment on column $schema.falha.mensagem_id is 'Message of the queue';
comment on column $schema.falha.desde is 'When it first failed';

-- Revoke the privilege TEMPORARY from PUBLIC, because temporary tables can fill the disk. If others use the database too, only
-- report it.

do $$$$
begin
    if not has_database_privilege('public', current_database(), 'temporary') then
        return;
    end if;
    if pg_has_role((select datdba from pg_database where datname = current_database()), 'usage')
        and not exists (
            select
            from pg_class
            where relkind in ('r', 'p', 'f')
                and relnamespace::regnamespace::text !~ '^(pg_|information_schema$$)'
                and relnamespace <> (select relnamespace from pg_class where oid = '$schema.$table'::regclass)
        )
    then
        execute format('revoke temporary on database %I from public', current_database());
    else
        raise notice '%', format(
            'every role can create temporary tables in database %1$$I, which others use too. If none of them needs '
            'that, run: revoke temporary on database %1$$I from public',
            current_database()
        );
    end if;
end
$$$$;
