-- Remember the schema of the tables for the session, by names that nobody else can have taken.
select pg_catalog.set_config('ponto.schema', pg_catalog.current_schema(), false)
