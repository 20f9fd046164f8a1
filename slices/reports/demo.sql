-- A made-up company, to try the reports on: 200 employees from August to October 2026. Run it as the owner of a test database:
--
--     psql URL -f slices/reports/demo.sql
--
-- Every run stores the same rows, which can never be removed (`make clean` removes the whole local database). A second run
-- fails, because the employees exist. Most punches are regular; the others are one example or more of each exception.
begin;

-- A number from 0 to 1 that depends only on its key and on the seed.
create or replace function pg_temp.draw(variadic key text[]) returns double precision
language sql immutable
return ('x' || substr(md5('seed 1 ' || array_to_string(key, ' ')), 1, 8))::bit(32)::bigint / 4294967296.0;

create or replace function pg_temp.choose(options text[], key text) returns text
language sql immutable
return options[1 + floor(cardinality(options) * pg_temp.draw(key))::int];

-- One in twelve works at night, with a cut-off at noon. One in five is in another time zone.
insert into ponto.funcionario (usuario_id, nome, fuso, corte)
select
    usuario_id,
    pg_temp.choose('{Ana,Bruno,Carla,Diego,Elisa,Fábio,Helena,Igor,João,Lívia,Mônica,Otávio,Rita,Sílvio}', 'first ' || usuario_id)
    || ' ' || pg_temp.choose('{Almeida,Barbosa,Cardoso,Duarte,Esteves,Farias,Gomes,Lima,Moura,Prado,Souza}', 'last ' || usuario_id),
    case when pg_temp.draw('away', usuario_id::text) < 0.2
        then pg_temp.choose('{America/Manaus,America/Cuiaba,America/Rio_Branco,America/Noronha}', 'zone ' || usuario_id) end,
    case when usuario_id % 12 = 0 then time '12:00' end
from generate_series(1000001, 1000200) as usuario_id;

-- The trigger sets the time of the change to now, but zones and cut-offs held from the start.
update ponto.funcionario set zona_mudou_em = null where usuario_id between 1000001 and 1000200;

insert into ponto.batida
    (id, usuario_id, ponto, deslocamento, dispositivo, offline, enviado, sequencia, recebida_em, gravada_em, mensagem_id)
with shift as (
    -- Working days, without absences and a vacation of three weeks.
    select
        usuario_id,
        coalesce(fuso, 'America/Sao_Paulo') as zone,
        (usuario_id || ' ' || day::date) as key,
        'portaria ' || 1 + usuario_id % 9 as terminal,
        day + case when corte is null then '8 hours' else interval '22 hours' end as start
    from ponto.funcionario, generate_series(timestamp '2026-08-03', '2026-10-30', '1 day') as day
    where usuario_id between 1000001 and 1000200
        and extract(isodow from day) < 6
        and pg_temp.draw('absent', usuario_id::text, day::text) > 0.03
        and extract(week from day)::int not between 30 + usuario_id % 40 and 32 + usuario_id % 40
),
punch as (
    -- In, lunch, back, out; one in 60 days lacks one of them, and one in 700 punches is a double tap.
    select
        shift.*,
        (start + hour * interval '1 hour' + (pg_temp.draw(key, hour::text) - 0.5) * interval '14 minutes') at time zone zone
        + tap * interval '9 seconds' as at
    from shift, unnest(array[0, 4, 5, 9]) with ordinality as planned (hour, number), generate_series(0, 1) as tap
    where (tap = 0 or pg_temp.draw('tap', key, hour::text) < 0.0015)
        and not (pg_temp.draw('forgotten', key) < 0.016 and number = 1 + floor(4 * pg_temp.draw('which', key)))
),
sent as (
    -- One in 80 days is sent together, hours or days later. On one day the clock of a terminal is 12 minutes
    -- fast, on another it was reset to 2019.
    select
        punch.*,
        case
            when terminal = 'portaria 4' and at >= '2026-10-20 00:00-03' and at < '2026-10-21 00:00-03' then interval '12 minutes'
            when terminal = 'portaria 7' and at >= '2026-10-14 00:00-03' and at < '2026-10-15 00:00-03' then -interval '7 years'
            else interval '0'
        end as skew,
        pg_temp.draw('offline', key) < 0.012 as offline,
        at + case
            when pg_temp.draw('offline', key) < 0.003 then interval '6 days'
            when pg_temp.draw('offline', key) < 0.012 then interval '11 hours'
            else interval '1 second'
        end as received
    from punch
),
-- Every device numbers its punches, and loses one in 2,000. Old terminals send neither name nor number.
numbered as (
    select
        sent.*,
        row_number() over device + sum((pg_temp.draw('lost', key, extract(epoch from at)::text) < 0.0005)::int) over device as sequence
    from sent
    window device as (partition by terminal order by received, at, usuario_id)
)
select
    (lpad(to_hex((extract(epoch from received) * 1000)::bigint), 12, '0') || '7' || substr(md5(key || extract(epoch from at)), 1, 3)
    || '8' || substr(md5(key || extract(epoch from at)), 4, 15))::uuid,
    usuario_id,
    at + skew,
    extract(epoch from (at at time zone zone) - (at at time zone 'UTC')) / 60,
    nullif(terminal, 'portaria 9'),
    offline,
    received + skew,
    case when terminal <> 'portaria 9' then sequence end,
    received,
    received + interval '1 second',
    'demo'
from numbered
order by received, usuario_id;

commit;

vacuum (analyze) ponto.batida, ponto.funcionario;
