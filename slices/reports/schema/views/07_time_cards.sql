-- Time cards of a month.

create or replace function ponto.primeiro_dia(mes date) returns date
language sql immutable parallel safe
return date_trunc('month', mes::timestamp)::date;

create or replace function ponto.ultimo_dia(mes date) returns date
language sql immutable parallel safe
return (date_trunc('month', mes::timestamp) + interval '1 month - 1 day')::date;

create or replace function ponto.dias_do_mes(mes date) returns setof date
language sql immutable parallel safe
begin atomic
    select day::date from generate_series(ponto.primeiro_dia(mes)::timestamp, ponto.ultimo_dia(mes)::timestamp, '1 day') as day
    where isfinite(mes); -- generate_series would not end at infinity
end;

comment on function ponto.primeiro_dia is 'First day of the month of a date';
comment on function ponto.ultimo_dia is 'Last day of the month of a date';
comment on function ponto.dias_do_mes is 'Calendar days of the month of a date, in order; no row for infinity';

create or replace function ponto.espelhos(
    mes date, usuario bigint default null, momento timestamptz default null
) returns setof ponto.jornada
language sql stable parallel safe
begin atomic
    with jornada_do_mes as materialized (
        select *
        from ponto.jornadas(ponto.primeiro_dia(mes), ponto.ultimo_dia(mes), usuario, momento)
    ),
    empregado as (
        select usuario_id, ficha.nome
        from (
            select usuario_id from jornada_do_mes union select usuario where usuario <> ponto.usuario_reservado()
        ) as presente
            full join (
                select usuario_id, nome
                from ponto.funcionario
                where ponto.do_usuario(usuario_id, usuario)
            ) as ficha using (usuario_id)
    )
    select
        usuario_id,
        empregado.nome,
        dia,
        coalesce(pontos, '{}'),
        coalesce(locais, '{}'),
        coalesce(batidas, 0),
        coalesce(pares, 0),
        coalesce(minutos, 0),
        coalesce(minutos_noturnos, 0),
        coalesce(incompleta, false),
        coalesce(repetidas, 0),
        minutos_descanso,
        primeira,
        ultima,
        gravada_em,
        coalesce(incluidas, '{}')
    from empregado
        cross join ponto.dias_do_mes(mes) as dia
        left join jornada_do_mes using (usuario_id, dia)
    order by usuario_id, dia;
end;

create or replace function ponto.espelho(
    mes date, usuario bigint, momento timestamptz default null
) returns setof ponto.jornada
language sql stable parallel safe
begin atomic
    select * from ponto.espelhos(mes, usuario, momento) where usuario is not null;
end;

comment on function ponto.espelhos is
    'Time cards of the month of a date, of one employee or (null) of all who punched in it or are in funcionario: a row '
    'per calendar day, with the columns of the view jornada; a day without punches has empty arrays, zeros and nulls; as '
    'of an instant (null: now)';
comment on function ponto.espelho is 'Time card of an employee for the month of a date; see espelhos()';

create or replace function ponto.espelho_totais(
    mes date, usuario bigint default null, momento timestamptz default null
) returns setof ponto.espelho_total
language sql stable parallel safe
begin atomic
    select
        usuario_id,
        nome,
        cpf,
        coalesce(fuso, ponto.fuso_padrao()),
        coalesce(dias_trabalhados, 0)::int,
        coalesce(minutos, 0)::int,
        coalesce(minutos_noturnos, 0)::int,
        coalesce(dias_incompletos, 0)::int,
        coalesce(dias_divididos, 0)::int
    from (
        select
            usuario_id,
            count(*) as dias_trabalhados,
            sum(minutos) as minutos,
            sum(minutos_noturnos) as minutos_noturnos,
            count(*) filter (where incompleta) as dias_incompletos,
            count(minutos_descanso) as dias_divididos
        from ponto.jornadas(ponto.primeiro_dia(mes), ponto.ultimo_dia(mes), usuario, momento)
        group by usuario_id
    ) as total
        full join (
            select usuario_id, nome, cpf, fuso
            from ponto.funcionario
            where ponto.do_usuario(usuario_id, usuario)
        ) as empregado using (usuario_id)
    order by usuario_id;
end;

comment on function ponto.espelho_totais is
    'Totals of the time cards of a month, a row per employee: of one, or (null) of all employees of espelhos(), as of an '
    'instant (null: now)';
