-- Remember, to the end of the transaction, the schemas of the search path that the owner's sessions begin with: the tables
-- of this project's first versions are in one of them.
set local search_path = default;
select pg_catalog.set_config('ponto.search_path', pg_catalog.current_schemas(false)::pg_catalog.text, true);
set local search_path = pg_catalog, pg_temp;
