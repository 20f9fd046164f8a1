-- Whether there are punches on these working days. usuarios null: of any employee.
select exists (
    select from ponto.batidas(%(de)s, %(ate)s, null, %(momento)s)
    where %(usuarios)s::bigint[] is null or usuario_id = any(%(usuarios)s)
) as existe;
