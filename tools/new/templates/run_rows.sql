-- The $nouns that run_count.sql counts.
select id, $subject_column as ${subject}_id, gravada_em as written
from $schema.$table
where
    $schema.semana($instant) = any(array(select $schema.semanas(%(desde)s, 'infinity')))
    and $subject_column between %(primeiro)s and %(ultimo)s
order by ${subject}_id
