-- Whether an index of this name can be used; no row: there is none. A build that was broken off leaves one that cannot.
select indisvalid
from pg_index
where indexrelid = to_regclass(format('%%I.%%I', %(schema)s::text, %(index)s::text))
