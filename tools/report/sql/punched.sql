-- Whether anybody punched in these working days; a list of employees that is null: anybody at all.
select exists (
    select from batida_local
    where dia between %(de)s and %(ate)s
        and ponto >= (%(de)s - 1)::timestamp at time zone 'UTC'
        and ponto < (%(ate)s + 3)::timestamp at time zone 'UTC'
        and (%(usuarios)s::bigint[] is null or usuario_id = any(%(usuarios)s))
);
