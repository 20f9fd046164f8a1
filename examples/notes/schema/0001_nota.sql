create table ponto.nota (id bigint primary key, texto text not null);
comment on table ponto.nota is 'Notes';
comment on column ponto.nota.id is 'Number that the client gives to the note';
comment on column ponto.nota.texto is 'Text of the note';
