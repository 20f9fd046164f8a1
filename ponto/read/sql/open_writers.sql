-- Open transactions that may still commit a row of the given tables. An INSERT holds a ROW EXCLUSIVE lock on its table until the
-- transaction ends, which an unresponsive synchronous standby can delay. xact_start is not selected because only the same role
-- can see it.
select
    virtualtransaction,
    case
        when pid is null then 'a prepared transaction'
        else format('pid %%s (%%s, as %%s)', pid, coalesce(nullif(application_name, ''), 'no application_name'), usename)
    end
from pg_locks left join pg_stat_activity using (pid)
where locktype = 'relation'
    and mode = 'RowExclusiveLock'
    and granted
    and database = (select oid from pg_database where datname = current_database())
    -- to_regclass returns null for tables of a new slice whose migrations have not run yet.
    and relation in (select to_regclass(name) from unnest(%(tables)s::text[]) as name);
