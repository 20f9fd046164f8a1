-- Gates: points within a statement at which a session waits for a lock that the scheduler holds. There is one before
-- each row of an INSERT, and one after the last row, before the commit. A sequence numbers them, because a rollback does
-- not reset it.
create schema gates;
grant usage on schema gates to public;

-- Every table with the trigger append_only gets gates. The migrations require that a trigger's function is in the schema
-- ponto, and has the table and the trigger in its name.
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

-- No autovacuum during a step. The scheduler resolves deadlocks: which statement PostgreSQL cancels depends on time.
alter table ponto.batida set (autovacuum_enabled = false);
do $$
begin
    execute format('alter database %I set deadlock_timeout = ''1h''', current_database());
end
$$;
