-- All privileges of roles in the schema; see $schema/schema/privileges.py.

grant usage on schema $schema to ${schema}_drain, ${schema}_reader;

-- Granted per column, so that only the column's default can set gravada_em, the time of writing.
grant insert (
$columns
) on $schema.$table to ${schema}_drain;
-- Needed by ON CONFLICT, and by the look-up of an existing id, which distinguishes a redelivered message from a different
-- message with the same $noun.
grant select (
$compared_columns
) on $schema.$table to ${schema}_drain;
grant insert (mensagem_id), select, delete on $schema.falha to ${schema}_drain;

grant select on $schema.$table to ${schema}_reader;
grant execute on function $schema.semana, $schema.semanas, $schema.fuso_padrao to ${schema}_reader;
