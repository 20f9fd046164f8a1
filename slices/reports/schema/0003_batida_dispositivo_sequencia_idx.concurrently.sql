-- For reading a device's numbers in order; rows without a number are not indexed.
create index concurrently batida_dispositivo_sequencia_idx
on ponto.batida (dispositivo, sequencia) where sequencia is not null;
