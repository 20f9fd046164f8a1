-- Boundaries within a statement: before each row of an INSERT, and after the last, before it commits. There a session
-- waits for a lock that the scheduler holds. A sequence counts them, for a rollback does not take its numbers back.
create schema gates;
grant usage on schema gates to public;

-- Of every table that nothing is taken from. A trigger's function is in the schema and named for its table, as the
-- migrations want it.
do $$
declare
    gated name;
    gate name;
    body constant text := $body$
declare
    slot constant int := nullif(current_setting('gates.slot', true), '');
begin
    if slot is not null then
        perform pg_advisory_xact_lock_shared(slot, nextval(format('gates.gate_%s', slot))::int);
    end if;
    return new;
end
$body$;
begin
    for gated in select relname from pg_trigger join pg_class on pg_class.oid = tgrelid where tgname = 'append_only' loop
        foreach gate in array array['before_row', 'before_commit'] loop
            execute format('create function ponto.%I() returns trigger language plpgsql as %L', gated || '_' || gate, body);
        end loop;
        execute format(
            'create trigger before_row before insert on ponto.%1$I for each row execute function ponto.%1$s_before_row()',
            gated
        );
        execute format(
            'create trigger before_commit after insert on ponto.%1$I '
            'for each statement execute function ponto.%1$s_before_commit()',
            gated
        );
    end loop;
end
$$;

-- No vacuum in the middle of a step. And the scheduler ends deadlocks, for PostgreSQL's clock is not to choose whom.
alter table ponto.batida set (autovacuum_enabled = false);
do $$
begin
    execute format('alter database %I set deadlock_timeout = ''1h''', current_database());
end
$$;
