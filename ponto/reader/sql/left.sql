-- How long what comes next may take.
select set_config('statement_timeout', %(milliseconds)s, true);
