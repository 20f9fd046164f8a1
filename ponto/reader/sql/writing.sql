-- Transactions that may still commit a row of these tables: a transaction that adds one keeps this lock until its end,
-- which a standby that does not answer may delay. PostgreSQL shows when a transaction began only for the same role.
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
    -- Of a slice that was just deployed the migrations have not made the tables yet.
    and relation in (select to_regclass(name) from unnest(%(tables)s::text[]) as name);
