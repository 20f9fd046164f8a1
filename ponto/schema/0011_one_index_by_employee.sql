-- In the one before each punch had a page of its own, the last of its employee: too many to keep in memory.
drop index batida_usuario_id_ponto_idx;

-- By statistics the planner would think that rows follow each other as the entries do, and read all employees' punches
-- by the index: within a week entries are in order of the employee, rows in order of time.
alter index batida_semana_usuario_id_idx alter column 1 set statistics 0;
