-- The row of an id.
select
    id,
    $subject_column as ${subject}_id,
    $instant as instant,
    recebida_em as received,
    gravada_em as written,
    chave as key,
    mensagem_id as message_id,
    $device as device
from $schema.$table
where id = %(id)s::uuid
