-- Find what is ours without naming its schema, and nothing in another one.
select set_config('search_path', quote_ident(current_setting('ponto.schema')) || ', pg_temp', false)
