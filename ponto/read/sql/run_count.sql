-- The number of punches of a load test. Its ids begin with the time at which it began, as those of no other client do.
select count(*) as row_count
from ponto.batida
where id between %(primeiro)s and %(ultimo)s
