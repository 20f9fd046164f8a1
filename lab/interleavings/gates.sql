-- Boundaries within a statement: before each row of an INSERT, and after the last, before it commits. There a session
-- waits for a lock that the scheduler holds. A sequence counts them, for a rollback does not take its numbers back.
create schema gates;
grant usage on schema gates to public;

create function ponto.pass_gate() returns trigger
language plpgsql as $$
declare
    slot constant int := nullif(current_setting('gates.slot', true), '');
begin
    if slot is not null then
        perform pg_advisory_xact_lock_shared(slot, nextval(format('gates.gate_%s', slot))::int);
    end if;
    return new;
end
$$;

-- Of every table that nothing is taken from.
do $$
declare
    found regclass;
begin
    for found in select tgrelid::regclass from pg_trigger where tgname = 'append_only' loop
        execute format('create trigger before_row before insert on %s for each row execute function ponto.pass_gate()', found);
        execute format(
            'create trigger before_commit after insert on %s for each statement execute function ponto.pass_gate()', found
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
