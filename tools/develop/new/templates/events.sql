-- The rows of one $subject from one instant to another, which is excluded.
select
    id,
    $selected_subject,
    $selected_instant,
    recebida_em as received,
    gravada_em as written,
    chave as key,
    mensagem_id as message_id,
    $selected_device,
    to_jsonb($table.*) - '{$shown_columns}'::text[] as fields
from $schema.$table
where $subject_column = %(${subject}_id)s
    and $schema.semana($instant) = any(array(select $schema.semanas(%(de)s, %(ate)s)))
    and $instant >= %(de)s
    and $instant < %(ate)s
order by instant, id
