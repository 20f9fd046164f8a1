-- Set what a session begins with. It is the first statement: nothing is found by the search path of before.
select pg_catalog.set_config(key, value, false)
from pg_catalog.json_each_text(cast(%(settings)s as pg_catalog.json))
