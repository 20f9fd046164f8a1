grant usage on schema ponto to ponto_notes;
grant insert, select on ponto.nota to ponto_notes;
grant select on ponto.nota to ponto_reader;
