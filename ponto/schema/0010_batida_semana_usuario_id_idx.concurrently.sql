-- One employee's punches, week by week (Monday to Sunday, UTC). Today's lie next to each other, whoever punched, so
-- that the drain needs but a few pages of it. Entries that are equal share their key, so that a week is small.
create index concurrently batida_semana_usuario_id_idx
on batida (date_bin('7 days', ponto, timestamptz '2000-01-03 00:00Z'), usuario_id);
