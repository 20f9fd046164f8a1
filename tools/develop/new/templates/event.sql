-- The row of an id.
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
where id = %(id)s::uuid
