create table ponto.turno (id bigint primary key);
comment on table ponto.turno is 'Shifts';
comment on column ponto.turno.id is 'Number that the client gives to the shift';
