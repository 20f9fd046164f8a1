-- Working days.

create or replace function ponto.jornadas(
    de date, ate date, usuario bigint default null, momento timestamptz default null
)
returns table (
    usuario_id bigint, nome text, dia date, pontos timestamptz[], locais timestamp[], batidas int, pares int,
    minutos int, minutos_noturnos int, incompleta boolean, repetidas int, minutos_descanso int, primeira timestamp,
    ultima timestamp, gravada_em timestamptz, incluidas int[]
)
language sql stable parallel safe
begin atomic
    with punch as (
        select
            usuario_id, nome, fuso, dia, id, ponto, gravada_em, origem,
            date_trunc('minute', ponto, fuso) as minuto,
            date_trunc('minute', local) as local
        from ponto.batidas(de, ate + 2, usuario, momento) -- the next working day ends the rest; a time zone may skip a date
    ),
    -- Each punch with the previous punch of its working day. The first and the second punch are a pair, the third and
    -- the fourth, ...
    paired as (
        select
            *,
            lag(minuto) over working_day as entrada,
            lag(local) over working_day as entrada_local,
            (row_number() over working_day)::int as ordem
        from punch
        window working_day as (partition by usuario_id, dia order by ponto, id)
    ),
    working_day as (
        select
            usuario_id,
            min(nome) as nome,
            dia,
            array_agg(minuto order by ponto, id) as pontos,
            array_agg(local order by ponto, id) as locais,
            count(*)::int as batidas,
            sum(minuto - entrada) filter (where ordem % 2 = 0) as trabalhado,
            sum(ponto.noturno(entrada, minuto, entrada_local, local, fuso)) filter (where ordem % 2 = 0) as trabalhado_de_noite,
            count(*) % 2 = 1 as incompleta,
            (count(*) filter (where minuto - entrada <= interval '1 minute'))::int as repetidas,
            max(minuto - entrada) as maior_pausa,
            max(gravada_em) as gravada_em,
            coalesce(array_agg(ordem order by ordem) filter (where origem = 'inclusao'), '{}') as incluidas
        from paired
        group by usuario_id, dia
    ),
    with_the_next as (
        select
            *,
            lead(pontos[1]) over employee - pontos[batidas] as descanso,
            lead(maior_pausa) over employee as maior_pausa_seguinte,
            lead(incompleta) over employee as incompleta_seguinte
        from working_day
        window employee as (partition by usuario_id order by dia)
    )
    select
        usuario_id,
        nome,
        dia,
        pontos,
        locais,
        batidas,
        batidas / 2 as pares,
        coalesce(extract(epoch from trabalhado) / 60, 0)::int as minutos,
        coalesce(extract(epoch from trabalhado_de_noite) / 60, 0)::int as minutos_noturnos,
        incompleta,
        repetidas,
        case
            -- The law requires 11 hours of rest between two shifts. After overtime the rest may be shorter, but it is
            -- longer than the breaks of the shift. A 12-hour shift that is split in two leaves odd numbers of punches.
            when descanso < interval '11 hours' and descanso < greatest(maior_pausa, maior_pausa_seguinte)
                or descanso < interval '13 hours' and incompleta and incompleta_seguinte
            then (extract(epoch from descanso) / 60)::int
        end as minutos_descanso,
        locais[1] as primeira,
        locais[batidas] as ultima,
        gravada_em,
        incluidas
    from with_the_next
    where dia <= ate
    order by usuario_id, dia;
end;

create or replace view ponto.jornada as select * from ponto.jornadas('-infinity', 'infinity');

comment on function ponto.jornadas is
    'Working days with punches from de to ate, of one employee or (null) of all, with the columns of the view jornada, as '
    'of an instant (null: now)';
comment on view ponto.jornada is
    'Working days with punches. Fast with a condition on one employee; for some days of all employees use jornadas()';
comment on column ponto.jornada.usuario_id is 'Employee''s number';
comment on column ponto.jornada.nome is 'Employee''s name; null: not in funcionario';
comment on column ponto.jornada.dia is 'Working day, in the employee''s time zone';
comment on column ponto.jornada.pontos is 'Punches, truncated to the minute, in order; instants';
comment on column ponto.jornada.locais is 'pontos in local time';
comment on column ponto.jornada.batidas is 'Number of punches';
comment on column ponto.jornada.pares is
    'Number of pairs of punches: the first and the second, the third and the fourth, ...';
comment on column ponto.jornada.minutos is
    'Minutes worked: the time that passed within the pairs, also across changes of the UTC offset';
comment on column ponto.jornada.minutos_noturnos is 'Of these, minutes between 22:00 and 05:00 local time';
comment on column ponto.jornada.incompleta is 'Whether the number of punches is odd, so that the last one has no pair';
comment on column ponto.jornada.repetidas is 'Punches at most a minute after the previous one of the day';
comment on column ponto.jornada.minutos_descanso is
    'Minutes from the last punch to the first of the next working day, if this is too short for a rest, so that the '
    'cut-off seems to split a shift: less than 11 hours and less than a break within one of the two days, or less than 13 '
    'hours between two incomplete days. Negative if the clocks went back over the cut-off, so that the next working day '
    'began before the last punch of this one. Null: no split';
comment on column ponto.jornada.primeira is 'First punch, local time, truncated to the minute';
comment on column ponto.jornada.ultima is 'Last punch, local time, truncated to the minute';
comment on column ponto.jornada.gravada_em is 'When the last row of the day was written; an instant';
comment on column ponto.jornada.incluidas is 'Positions in pontos, from 1, of punches added by corrections';
