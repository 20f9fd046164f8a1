-- Functions that select orders. They are plain SQL without settings, so that the planner inlines them and uses the
-- indexes.

create or replace function ponto.usuario_reservado() returns bigint
language sql immutable parallel safe
return 9007199254740991;

comment on function ponto.usuario_reservado is 'The employee for whom a deployment tries itself, and whom no report shows';

-- As in the index batida_semana_loja_idx. It begins with the week, so a query by shop has to name weeks.
create or replace function ponto.semana(instante timestamptz) returns timestamptz
language sql immutable parallel safe
return date_bin('7 days', instante, timestamptz '2000-01-03 00:00Z');

-- Up to ten years, counted. Longer, by a jump through the index from each week to the next: a clock that says 1970 costs
-- one jump, not 3,000 weeks. Which of the two it is, the planner sees before it plans, if this stands behind `from`.
create or replace function ponto.semanas(de timestamptz, ate timestamptz) returns setof timestamptz
language sql stable parallel safe
begin atomic
    select semana
    -- In hours, for a week of a session's time zone may have another length.
    from generate_series(ponto.semana(de), ponto.semana(ate), interval '168 hours') as semana
    where ate at time zone 'UTC' < de at time zone 'UTC' + interval '10 years'
    union all
    select semana
    from (
        with recursive com_batidas (semana) as (
            select min(ponto.semana(criado)) from ponto.batida where ponto.semana(criado) between ponto.semana(de) and ponto.semana(ate)
            union all
            select (select min(ponto.semana(criado)) from ponto.batida where ponto.semana(criado) > semana and ponto.semana(criado) <= ponto.semana(ate))
            from com_batidas
            where semana is not null
        )
        select semana from com_batidas where semana is not null
    ) as salto
    where not ate at time zone 'UTC' < de at time zone 'UTC' + interval '10 years';
end;

comment on function ponto.semana is 'When the week of an instant began, on Monday 00:00 UTC';
comment on function ponto.semanas is
    'Weeks from that of an instant to that of another; of more than ten years, those that have punches';
