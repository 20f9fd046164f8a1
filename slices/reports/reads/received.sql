-- Whether anything was received on these days of the stage; a day that is null: from the first, to the last.
select exists (
    select
    from ponto.batida
    where recebida_em >= coalesce((select %(de)s::date::timestamp at time zone ponto.fuso_padrao()), '-infinity')
        and recebida_em < coalesce((select (%(ate)s::date + 1)::timestamp at time zone ponto.fuso_padrao()), 'infinity')
        and usuario_id <> ponto.usuario_reservado()
) as existe;
