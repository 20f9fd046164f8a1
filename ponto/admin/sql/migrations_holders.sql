-- Which transactions of others hold a lock that a migration may need: on a relation of this schema, or the advisory one.
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
        relation in (
            select pg_class.oid
            from pg_class join pg_namespace on pg_namespace.oid = relnamespace
            where nspname = %(schema)s
        )
        or (locktype = 'advisory' and classid = 0x6261 and objid = 0x74696461)
    )
order by pid
