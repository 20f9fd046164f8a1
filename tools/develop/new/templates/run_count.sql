-- The number of $nouns of a load test, and its highest $subject id. The load test uses a range of $subject ids that no other
-- client uses.
select count(*) as row_count, max($subject_column) as highest_${subject}_id
from $schema.$table
where
    $schema.semana($instant) = any(array(select $schema.semanas(%(desde)s, 'infinity')))
    and $subject_column between %(primeiro)s and %(ultimo)s
