-- Whether anybody punched in these working days; a list of employees that is null: anybody at all.
select exists (
    select from ponto.batidas(%(de)s, %(ate)s, null, %(momento)s)
    where %(usuarios)s::bigint[] is null or usuario_id = any(%(usuarios)s)
) as existe;
