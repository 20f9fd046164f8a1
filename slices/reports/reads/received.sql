-- Whether a punch was received on these days in the stage's time zone. de null: no start; ate null: no end.
select exists (
    select
    from ponto.batida
    where recebida_em >= coalesce((select %(de)s::date::timestamp at time zone ponto.fuso_padrao()), '-infinity')
        and recebida_em < coalesce((select (%(ate)s::date + 1)::timestamp at time zone ponto.fuso_padrao()), 'infinity')
        and usuario_id <> ponto.usuario_reservado()
) as existe;
