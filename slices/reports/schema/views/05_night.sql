-- Night time: from 22:00 to 05:00.

-- Night hours from the start of 2000 to a local time: 7 hours a day, from 00:00 to 05:00 and from 22:00 to 24:00.
create or replace function ponto.noite(local timestamp) returns interval
language sql immutable parallel safe
return
    (local::date - date '2000-01-01') * interval '7 hours'
    + least(local::time - time '00:00', interval '5 hours')
    + greatest(local::time - time '22:00', interval '0');

comment on function ponto.noite is
    'Total time between 22:00 and 05:00 from the start of 2000 to a local time; negative for earlier times';

create or replace function ponto.noturno_na_mudanca(entrada timestamptz, saida timestamptz, fuso text) returns interval
language sql immutable parallel safe
begin atomic
    select count(*) * interval '1 minute'
    from generate_series(entrada, saida - interval '1 minute', '1 minute') as minuto
        cross join lateral (values ((minuto at time zone fuso)::time)) as relogio (hora)
    where hora >= '22:00' or hora < '05:00';
end;

comment on function ponto.noturno_na_mudanca is
    'Like noturno(), but counted minute by minute, for periods with a change of the UTC offset';

-- A time zone may skip 22:00, repeat it, or skip a whole day; then the local times do not determine the length of the
-- night. The comparison finds every such change: no time zone has had two changes within a working day that cancel each
-- other.
create or replace function ponto.noturno(
    entrada timestamptz, saida timestamptz, entrada_local timestamp, saida_local timestamp, fuso text
) returns interval
language sql immutable parallel safe
return case
    when saida - entrada = saida_local - entrada_local then ponto.noite(saida_local) - ponto.noite(entrada_local)
    else ponto.noturno_na_mudanca(entrada, saida, fuso)
end;

comment on function ponto.noturno is
    'Part of the time between two instants in which local time in the time zone fuso is from 22:00 to 05:00';
