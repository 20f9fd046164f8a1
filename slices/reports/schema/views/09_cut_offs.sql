-- Better cut-offs.

create or replace function ponto.cortes(de date, ate date, usuario bigint default null) returns setof ponto.corte_sugerido
language sql stable parallel safe
begin atomic
    with presente as (
        select usuario_id, count(*)::int as dias, count(minutos_descanso)::int as divididos
        from ponto.jornadas(de, ate, usuario)
        group by usuario_id
    ),
    intervalo as (
        select
            usuario_id,
            date_trunc('minute', local) as antes,
            lead(date_trunc('minute', local)) over (partition by usuario_id order by ponto, id) as depois
        from ponto.batidas(de, ate, usuario)
        where usuario_id in (select usuario_id from presente where divididos > 0)
    ),
    -- Each full hour with the punches before and after it. Their distance counts as a day at most, so that a vacation
    -- does not decide.
    hora_cheia as (
        select
            usuario_id,
            hora::time as hora,
            avg(least(depois - antes, interval '1 day')) as folga,
            least(
                avg(least(hora - antes, interval '12 hours')), avg(least(depois - hora, interval '12 hours'))
            ) as margem,
            count(*) filter (where depois - antes < interval '11 hours')::int as divididos
        from intervalo
            cross join lateral generate_series(date_trunc('hour', antes) + interval '1 hour', depois, '1 hour') as hora
        group by usuario_id, hora::time
    ),
    melhor as (
        select distinct on (usuario_id) *
        from hora_cheia
        order by usuario_id, folga desc, margem desc, hora
    )
    select
        usuario_id,
        nome,
        coalesce(fuso, ponto.fuso_padrao()),
        coalesce(corte, ponto.corte_padrao()),
        dias,
        presente.divididos,
        case when melhor.divididos < presente.divididos then hora end,
        case when melhor.divididos < presente.divididos then melhor.divididos end,
        case when melhor.divididos < presente.divididos then date_trunc('minute', melhor.folga) end
    from presente
        left join melhor using (usuario_id)
        left join ponto.funcionario using (usuario_id)
    order by usuario_id;
end;

comment on function ponto.cortes is
    'Better cut-offs for the punches of the working days from de to ate, of one employee or (null) of all who punched: '
    'the full hour in the middle of the widest regular gap between punches';
