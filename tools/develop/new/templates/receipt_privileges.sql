grant usage on schema $schema to ${schema}_receipts;

-- Only the columns of a receipt.
grant select (
$receipt_columns
) on $schema.$table to ${schema}_receipts;
-- Needed to find the $nouns of one $subject in all weeks.
grant execute on function $schema.semana, $schema.semanas to ${schema}_receipts;
