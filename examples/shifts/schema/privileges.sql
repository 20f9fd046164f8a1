grant usage on schema ponto to ponto_shifts;
grant insert, select on ponto.turno to ponto_shifts;
grant select on ponto.turno to ponto_reader;
