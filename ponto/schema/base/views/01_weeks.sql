-- Functions for queries of punches. They are plain SQL functions without SET clauses, so that the planner can inline
-- them and use the indexes.

-- The expression of the index on week and employee. Its first column is the week, so a query by employee has to state
-- weeks too.
create or replace function ponto.semana(instante timestamptz) returns timestamptz
language sql immutable parallel safe
return date_bin('7 days', instante, timestamptz '2000-01-03 00:00Z');

-- For a range of up to ten years, all weeks are generated. For a longer one, a recursive query jumps through the index
-- from each week with punches to the next, so that a wrong year such as 1970 costs one jump and not 3,000 weeks. If the
-- function is called in a FROM clause, the planner evaluates the condition on the range and removes the other branch.
create or replace function ponto.semanas(de timestamptz, ate timestamptz) returns setof timestamptz
language sql stable parallel safe
begin atomic
    select semana
    -- 168 hours instead of 1 week, because daylight saving time can change the length of a week.
    from generate_series(ponto.semana(de), ponto.semana(ate), interval '168 hours') as semana
    where ate at time zone 'UTC' < de at time zone 'UTC' + interval '10 years'
    union all
    select semana
    from (
        with recursive filled_week (semana) as (
            select min(ponto.semana(ponto))
            from ponto.batida
            where ponto.semana(ponto) between ponto.semana(semanas.de) and ponto.semana(semanas.ate)
            union all
            select (
                select min(ponto.semana(ponto))
                from ponto.batida
                where ponto.semana(ponto) > filled_week.semana
                    and ponto.semana(ponto) <= ponto.semana(semanas.ate)
            )
            from filled_week
            where semana is not null
        )
        select semana from filled_week where semana is not null
    ) as jump
    where not ate at time zone 'UTC' < de at time zone 'UTC' + interval '10 years';
end;

comment on function ponto.semana is 'Start of the week of an instant: Monday 00:00 UTC';
comment on function ponto.semanas is
    'Starts of the weeks from one instant to another; for more than ten years, only of weeks with punches';
