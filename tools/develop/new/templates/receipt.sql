-- The receipt of an id. A signed-in user gets receipts of their own $nouns only.
select
    id::text,
    $subject_column,
    $instant,
    recebida_em,
    gravada_em
from $schema.$table
where id = %(id)s
    and (%(${subject}_id)s::bigint is null or $subject_column = %(${subject}_id)s)
