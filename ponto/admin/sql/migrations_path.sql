-- The files of the migrations name what is ours without its schema.
select set_config('search_path', quote_ident(current_setting('ponto.schema')) || ', pg_temp', false)
