-- By this a device's numbers are read in order; rows without a number are not in it.
create index concurrently batida_dispositivo_sequencia_idx
on ponto.batida (dispositivo, sequencia) where sequencia is not null;
