-- Which of these names something in the schema has.
select relname from pg_class
where relnamespace = quote_ident(current_setting('ponto.schema'))::regnamespace and relname = any(%(names)s::name[])
union
select proname from pg_proc
where pronamespace = quote_ident(current_setting('ponto.schema'))::regnamespace and proname = any(%(names)s::name[])
union
select typname from pg_type
where typnamespace = quote_ident(current_setting('ponto.schema'))::regnamespace and typname = any(%(names)s::name[])
order by 1
