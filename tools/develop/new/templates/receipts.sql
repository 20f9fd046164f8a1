-- The receipts of one $subject, the latest first.

-- Of all weeks, because an old $noun may be received today. The index begins with the week. The interval of 0 is added so
-- that the planner does not also read the index on recebida_em, which has the $nouns of all $subjects.
select
    id::text,
    $subject_column,
    $instant,
    recebida_em,
    gravada_em
from $schema.$table
where $subject_column = %(${subject}_id)s
    and $schema.semana($instant) = any(array(select $schema.semanas('-infinity', 'infinity')))
    and recebida_em + interval '0' >= clock_timestamp() - %(max_age)s
order by recebida_em desc, id desc
limit %(limit)s
