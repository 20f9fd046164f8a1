-- The $nouns that run_count.sql counts.
select id, $selected_subject, gravada_em as written
from $schema.$table
where
    $schema.semana($instant) = any(array(select $schema.semanas(%(desde)s, 'infinity')))
    and $subject_column between %(primeiro)s and %(ultimo)s
order by ${subject}_id
