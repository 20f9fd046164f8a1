-- Functions for queries of $nouns. They are plain SQL functions without SET clauses, so that the planner can inline them and
-- use the indexes.

-- The expression of the index on week and $subject. Its first column is the week, so a query by $subject has to state weeks
-- too.
create or replace function $schema.semana(instante timestamptz) returns timestamptz
language sql immutable parallel safe
return date_bin('7 days', instante, timestamptz '2000-01-03 00:00Z');

-- For a range of up to ten years, all weeks are generated. For a longer one, a recursive query jumps through the index from
-- each week with $nouns to the next, so that a wrong year such as 1970 costs one jump and not 3,000 weeks. If the function
-- is called in a FROM clause, the planner evaluates the condition on the range and removes the other branch.
create or replace function $schema.semanas(de timestamptz, ate timestamptz) returns setof timestamptz
language sql stable parallel safe
begin atomic
    select semana
    -- 168 hours instead of 1 week, because daylight saving time can change the length of a week.
    from generate_series($schema.semana(de), $schema.semana(ate), interval '168 hours') as semana
    where ate at time zone 'UTC' < de at time zone 'UTC' + interval '10 years'
    union all
    select semana
    from (
        with recursive filled_week (semana) as (
            select min($schema.semana($instant))
            from $schema.$table
            where $schema.semana($instant) between $schema.semana(semanas.de) and $schema.semana(semanas.ate)
            union all
            select (
                select min($schema.semana($instant))
                from $schema.$table
                where $schema.semana($instant) > filled_week.semana
                    and $schema.semana($instant) <= $schema.semana(semanas.ate)
            )
            from filled_week
            where semana is not null
        )
        select semana from filled_week where semana is not null
    ) as jump
    where not ate at time zone 'UTC' < de at time zone 'UTC' + interval '10 years';
end;

comment on function $schema.semana is 'Start of the week of an instant: Monday 00:00 UTC';
comment on function $schema.semanas is
    'Starts of the weeks from one instant to another; for more than ten years, only of weeks with $nouns';
