-- The rows that were sent with the given API keys, in order of receipt. The time of receipt limits the scan by its index, because
-- the keys have no index. If the list of $subjects is null, rows of all $subjects are returned.
select
    chave as key,
    id,
    $selected_subject,
    $selected_instant,
    $selected_device,
    recebida_em as received
from $schema.$table
where
    chave = any(%(keys)s)
    and recebida_em >= coalesce(to_timestamp(%(from_ms)s / 1000.0), '-infinity')
    and recebida_em < coalesce(to_timestamp(%(to_ms)s / 1000.0), 'infinity')
    and (%(${subject}_ids)s::bigint[] is null or $subject_column = any(%(${subject}_ids)s))
order by received, id
