-- Whether a punch was received on these days in the stage's time zone.
select exists (
    select
    from ponto.batida
    where recebida_em >= (select ponto.inicio_do_dia(%(de)s))
        and recebida_em < (select ponto.inicio_do_dia(%(ate)s + 1))
        and usuario_id <> ponto.usuario_reservado()
) as existe;
