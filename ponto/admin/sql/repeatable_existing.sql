-- Which of these names something in the schema has.
with here as (select oid from pg_namespace where nspname = %(schema)s)
select relname from pg_class join here on relnamespace = here.oid where relname = any(%(names)s::name[])
union
select proname from pg_proc join here on pronamespace = here.oid where proname = any(%(names)s::name[])
union
select typname from pg_type join here on typnamespace = here.oid where typname = any(%(names)s::name[])
order by 1
