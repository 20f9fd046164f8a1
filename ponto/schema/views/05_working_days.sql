-- Working days.

create or replace function jornadas(de date, ate date, usuario bigint default null)
returns table (
    usuario_id bigint, nome text, dia date, pontos timestamptz[], locais timestamp[], batidas int, pares int,
    minutos int, minutos_noturnos int, incompleta boolean, repetidas int, minutos_descanso int, primeira timestamp,
    ultima timestamp, gravada_em timestamptz
)
language sql stable parallel safe
begin atomic
    select
        usuario_id, nome, dia, pontos, locais, batidas, pares, minutos, minutos_noturnos, incompleta, repetidas,
        case
            -- The law wants 11 hours of rest between two shifts. After overtime it may be less, but never shorter than
            -- the breaks of the shift. A shift of 12 hours that was cut in two leaves odd counts.
            when descanso < interval '11 hours' and descanso < greatest(maior_pausa, maior_pausa_seguinte)
                or descanso < interval '13 hours' and incompleta and incompleta_seguinte
            then (extract(epoch from descanso) / 60)::int
        end,
        locais[1], locais[batidas], gravada_em
    from (
        select
            *,
            lead(pontos[1]) over de_um - pontos[batidas] as descanso,
            lead(maior_pausa) over de_um as maior_pausa_seguinte,
            lead(incompleta) over de_um as incompleta_seguinte
        from (
            select
                usuario_id,
                min(nome) as nome,
                dia,
                array_agg(minuto order by ponto, id) as pontos,
                array_agg(local order by ponto, id) as locais,
                count(*)::int as batidas,
                (count(*) / 2)::int as pares,
                coalesce(extract(epoch from sum(minuto - entrada) filter (where fecha)) / 60, 0)::int as minutos,
                coalesce(
                    extract(
                        epoch from sum(noturno(entrada, minuto, entrada_local, local, fuso)) filter (where fecha)
                    ) / 60,
                    0
                )::int as minutos_noturnos,
                count(*) % 2 = 1 as incompleta,
                (count(*) filter (where minuto - entrada <= interval '1 minute'))::int as repetidas,
                max(minuto - entrada) as maior_pausa,
                max(gravada_em) as gravada_em
            from (
                select
                    usuario_id, nome, fuso, dia, id, ponto, gravada_em, minuto, local,
                    lag(minuto) over working_day as entrada,
                    lag(local) over working_day as entrada_local,
                    row_number() over working_day % 2 = 0 as fecha -- whether it closes a pair
                from (
                    select
                        usuario_id, nome, fuso, dia, id, ponto, gravada_em,
                        date_trunc('minute', ponto, fuso) as minuto,
                        date_trunc('minute', local) as local
                    from batida_local
                    where dia between de and ate + 1 -- the day after ends the rest
                        and ponto >= antes_do_dia(de)
                        and ponto < depois_do_dia(ate + 1)
                        and do_usuario(usuario_id, usuario)
                ) as batida
                window working_day as (partition by usuario_id, dia order by ponto, id)
            ) as batida
            group by usuario_id, dia
        ) as jornada
        window de_um as (partition by usuario_id order by dia)
    ) as jornada
    where dia <= ate
    order by usuario_id, dia;
end;

create or replace view jornada as select * from jornadas('-infinity', 'infinity');

comment on function jornadas is
    'Working days from de to ate, of one employee or (null) of all who punched, with the columns of the view jornada';
comment on view jornada is
    'Working days that have punches. One employee''s are found fast; of all, those of some days only by jornadas()';
comment on column jornada.usuario_id is 'Employee''s number';
comment on column jornada.nome is 'Employee''s name; null: not in funcionario';
comment on column jornada.dia is 'Working day, in the employee''s time zone';
comment on column jornada.pontos is 'Its punches, cut to the minute, in order; instants';
comment on column jornada.locais is 'The same in local time';
comment on column jornada.batidas is 'How many they are';
comment on column jornada.pares is
    'Pairs that they make, in order: the first with the second, the third with the fourth, ...';
comment on column jornada.minutos is
    'Worked minutes: those that really passed in the pairs, also where the clock was changed';
comment on column jornada.minutos_noturnos is 'Of these, minutes between 22:00 and 05:00 local time';
comment on column jornada.incompleta is 'Whether the count is odd, so that the last punch has no partner';
comment on column jornada.repetidas is 'Punches at most a minute after the one before in the same day';
comment on column jornada.minutos_descanso is
    'Minutes from the last punch to the first of the next working day, where they are no rest, so that the cut-off seems '
    'to split a shift: fewer than 11 hours and than lie between two punches of one of these days, or fewer than 13 hours '
    'where both are incomplete; null: it does not';
comment on column jornada.primeira is 'First punch, local time, cut to the minute';
comment on column jornada.ultima is 'Last punch, local time, cut to the minute';
comment on column jornada.gravada_em is 'When the last of its rows was written; an instant';

revoke execute on function jornadas from public;
grant execute on function jornadas to ponto_reports;
grant select on jornada to ponto_reports;
