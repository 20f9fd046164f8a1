-- By this a device's numbers are read in order. docs/performance.md says what it costs the drain; rows without a number
-- are not in it.

create index on batida (dispositivo, sequencia) where sequencia is not null;
