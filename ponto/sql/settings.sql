-- Set the settings of a session, among them its search path. Everything here names its schema: this is the first
-- statement, which still has another search path.
select pg_catalog.set_config(key, value, false)
from pg_catalog.json_each_text(cast(%(settings)s as pg_catalog.json))
