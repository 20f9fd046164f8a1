-- Whether there are punches on these working days. employee_ids null: of any employee.
select exists (
    select from ponto.batidas(%(de)s, %(ate)s, null, %(momento)s)
    where %(employee_ids)s::bigint[] is null or usuario_id = any(%(employee_ids)s)
) as existe;
