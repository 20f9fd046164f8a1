-- Apply settings to a session. All names are schema-qualified, because this first statement sets the search path and so cannot
-- rely on it.
select pg_catalog.set_config(key, value, false)
from pg_catalog.json_each_text(cast(%(settings)s as pg_catalog.json))
