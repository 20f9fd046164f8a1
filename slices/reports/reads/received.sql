-- Whether anything was received on these days of the stage; a day that is null: from the first, to the last.
select exists (
    select
    from batida
    where recebida_em >= coalesce((select %(de)s::date::timestamp at time zone fuso_padrao()), '-infinity')
        and recebida_em < coalesce((select (%(ate)s::date + 1)::timestamp at time zone fuso_padrao()), 'infinity')
        and usuario_id <> usuario_reservado()
);
