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
        from ponto.batidas(de, ate + 2, usuario, momento) -- the next punch ends the rest; a zone may skip the date between
    ),
    -- Each with the one before it in its working day: the second closes a pair with the first, the fourth with the third.
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
            -- The law wants 11 hours of rest between two shifts. After overtime it may be less, but never shorter than
            -- the breaks of the shift. A shift of 12 hours that was cut in two leaves odd counts.
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
    'Working days from de to ate, of one employee or (null) of all who punched, with the columns of the view jornada, as '
    'of an instant (null: now)';
comment on view ponto.jornada is
    'Working days that have punches. One employee''s are found fast; of all, those of some days only by jornadas()';
comment on column ponto.jornada.usuario_id is 'Employee''s number';
comment on column ponto.jornada.nome is 'Employee''s name; null: not in funcionario';
comment on column ponto.jornada.dia is 'Working day, in the employee''s time zone';
comment on column ponto.jornada.pontos is 'Its punches, cut to the minute, in order; instants';
comment on column ponto.jornada.locais is 'The same in local time';
comment on column ponto.jornada.batidas is 'How many they are';
comment on column ponto.jornada.pares is
    'Pairs that they make, in order: the first with the second, the third with the fourth, ...';
comment on column ponto.jornada.minutos is
    'Worked minutes: those that really passed in the pairs, also where the clock was changed';
comment on column ponto.jornada.minutos_noturnos is 'Of these, minutes between 22:00 and 05:00 local time';
comment on column ponto.jornada.incompleta is 'Whether the count is odd, so that the last punch has no partner';
comment on column ponto.jornada.repetidas is 'Punches at most a minute after the one before in the same day';
comment on column ponto.jornada.minutos_descanso is
    'Minutes from the last punch to the first of the next working day, where they are no rest, so that the cut-off seems '
    'to split a shift: fewer than 11 hours and than lie between two punches of one of these days, or fewer than 13 hours '
    'where both are incomplete; below zero: the clocks went back over the cut-off, and the next working day began before '
    'the last punch of this one; null: it does not';
comment on column ponto.jornada.primeira is 'First punch, local time, cut to the minute';
comment on column ponto.jornada.ultima is 'Last punch, local time, cut to the minute';
comment on column ponto.jornada.gravada_em is 'When the last of its rows was written; an instant';
comment on column ponto.jornada.incluidas is 'Which of pontos somebody added: their positions, from 1';
