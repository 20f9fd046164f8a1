-- What libpq's keyword `options` would have set, for a session that is already there.
select pg_catalog.set_config(key, value, false)
from pg_catalog.json_each_text(cast(%(settings)s as pg_catalog.json))
