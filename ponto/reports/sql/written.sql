-- A day of the stage's zone, null: yesterday; when it begins, and when it ends, which is no later than an instant; and
-- how many rows messages brought in between, by when they were written.
with zona as (
    select fuso_padrao() as fuso
), asked as (
    select fuso, coalesce(%(dia)s, (clock_timestamp() at time zone fuso)::date - 1) as dia
    from zona
), span as (
    select
        fuso, dia, dia::timestamp at time zone fuso as inicio,
        least((dia + 1)::timestamp at time zone fuso, %(ate)s) as fim
    from asked
)
select
    fuso, dia, inicio, fim,
    (select count(*) from batida where gravada_em >= inicio and gravada_em < fim and mensagem_id is not null)
from span
