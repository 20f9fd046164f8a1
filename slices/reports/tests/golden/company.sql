-- A small company's November of 2026, for the golden files: every figure below can be added up by hand.
-- Local time of America/Sao_Paulo is UTC-3 all month; America/New_York goes from UTC-4 to UTC-5 on the 1st.

insert into ponto.empregador (identificacao) values ('Padaria Exemplo & Cia. Ltda., CNPJ 11.222.333/0001-81');

insert into ponto.funcionario (usuario_id, nome, cpf, fuso, corte) values
    (101, 'Maria da Conceição Souza', '11122233344', null, null),
    (102, 'Ana Beatriz Cavalcanti de Albuquerque Vasconcelos e Silva Figueiredo Montenegro', '52998224725', null, null),
    (103, 'João Ninguém', null, null, '12:00'),
    (104, '<script>document.title = "gone"</script>', null, null, null),
    (105, '=HYPERLINK("https://example.com";"Pay")', null, 'America/New_York', '00:00'),
    (107, 'Rita Moreira', '11144477735', null, null);
update ponto.funcionario set zona_mudou_em = '2026-11-30 09:00-03' where zona_mudou_em is not null;

create function pg_temp.punch(
    usuario bigint, local timestamp, zone text default 'America/Sao_Paulo', device text default 'portaria',
    late interval default '2 seconds', skew interval default '1 second'
) returns void language sql as $$
    insert into ponto.batida (id, usuario_id, ponto, dispositivo, offline, enviado, recebida_em, gravada_em)
    select md5(usuario || ' ' || at || ' ' || device)::uuid, usuario, at, device, late > '1 hour', at + late - skew,
        at + late, at + late + make_interval(secs => 0.25 * (1 + extract(minute from at)::int % 4))
    from (values (local at time zone zone)) as punch (at)
$$;

-- 101: Monday to Friday 08:00 12:00 13:00 17:30, 8:30 a day; 21 days are 178:30.
select pg_temp.punch(101, day + time)
from generate_series(timestamp '2026-11-02', '2026-11-30', '1 day') as day,
    unnest(array[interval '8:00', '12:00', '13:00', '17:30']) as time
where extract(isodow from day) < 6;

-- 102: ten punches on the 3rd and 4th, 5 pairs of 1:00; one forgotten on the 5th: 4:00 of its first pair;
-- 11:00 on the 6th; the 9th came offline, five days late; twice within a minute on the 10th.
select pg_temp.punch(102, day + make_interval(hours => 7 + hour))
from unnest(array[timestamp '2026-11-03', '2026-11-04']) as day, generate_series(0, 9) as hour;
select pg_temp.punch(102, '2026-11-05 08:00');
select pg_temp.punch(102, '2026-11-05 12:00');
select pg_temp.punch(102, '2026-11-05 13:00');
select pg_temp.punch(102, '2026-11-06 08:00');
select pg_temp.punch(102, '2026-11-06 19:00');
select pg_temp.punch(102, '2026-11-09 08:00', device => '<img src=x onerror=alert(1)>', late => '5 days');
select pg_temp.punch(102, '2026-11-09 12:00', device => '<img src=x onerror=alert(1)>', late => '5 days');
select pg_temp.punch(102, '2026-11-10 08:00:10');
select pg_temp.punch(102, '2026-11-10 08:00:50');
select pg_temp.punch(102, '2026-11-10 12:00', device => '+55 11 5550 0100', skew => '-7 minutes');
select pg_temp.punch(102, '2026-11-10 13:00', device => '+55 11 5550 0100', skew => '7 minutes');

-- 103: shifts from 22:00 to 06:00, 8:00 each, of which 7:00 are night hours; the last shift ends in December.
select pg_temp.punch(103, day + interval '22:00'), pg_temp.punch(103, day + interval '30:00')
from unnest(array[timestamp '2026-11-12', '2026-11-13', '2026-11-30']) as day;

-- 105: in New York the hour from 01:00 is repeated on the 1st: 00:30 to the second 01:30 is 2:00.
select pg_temp.punch(105, '2026-11-01 04:30', 'UTC');
select pg_temp.punch(105, '2026-11-01 06:30', 'UTC');

-- 106 is not in funcionario.
select pg_temp.punch(106, '2026-11-23 08:00');
select pg_temp.punch(106, '2026-11-23 18:01');

-- On the 26th 12:00 came twice and 17:00 was forgotten: 5:00 of 8:00.
select pg_temp.punch(106, timestamp '2026-11-26' + time)
from unnest(array[interval '8:00', '12:00:00', '12:00:30', '13:00']) as time;

-- 107: four shifts from 22:00 to 06:00 with the default cut-off, so that three days seem to be 06:00 to 22:00, 16:00
-- each, and the first and the last day have one punch. Double taps on the 24th and the 27th: an even count, and 0:00.
select pg_temp.punch(107, day + interval '22:00'), pg_temp.punch(107, day + interval '30:00')
from generate_series(timestamp '2026-11-16', '2026-11-19', '1 day') as day;
select pg_temp.punch(107, day + time, device => 'portaria ' || time)
from unnest(array[timestamp '2026-11-24', '2026-11-27']) as day,
    unnest(array[interval '8:00:10', '8:00:40', '18:00:10', '18:00:40']) as time;
-- A phone whose clock was reset to 1970 punches at the start of November 25th; its sending times are wrong, too.
select pg_temp.punch(
    107, timestamp '1969-12-31 21:00' + again * interval '1 minute', device => 'telefone', late => late, skew => late
)
from generate_series(1, 3) as again, (values (timestamp '2026-11-25' - '1969-12-31 21:00')) as receipt (late);
