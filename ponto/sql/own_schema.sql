-- The schemas in which the tables may be, in the order of the search path, each with the owner of its table batida, if any.
-- From here on, to the end of the transaction, no name is looked for where anybody could have put it.
select pg_catalog.set_config('ponto.path', pg_catalog.current_schemas(false)::pg_catalog.text, true);

set local search_path = pg_catalog, pg_temp;

select nspname::text, relowner::regrole::text
from unnest(current_setting('ponto.path')::name[]) with ordinality as path (nspname, place)
    join pg_namespace using (nspname)
    left join pg_class on relnamespace = pg_namespace.oid and relname = 'batida'
order by place
