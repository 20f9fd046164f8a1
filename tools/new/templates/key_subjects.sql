-- The $subjects of the rows that were sent with the given API keys. The conditions are those of key_rows.sql.
select distinct $selected_subject
from $schema.$table
where
    chave = any(%(keys)s)
    and recebida_em >= coalesce(to_timestamp(%(from_ms)s / 1000.0), '-infinity')
    and recebida_em < coalesce(to_timestamp(%(to_ms)s / 1000.0), 'infinity')
order by ${subject}_id
