create table ponto.falha (
    mensagem_id text primary key,
    desde timestamptz not null default clock_timestamp()
);

comment on table ponto.falha is 'Messages that the function''s own code fails on, so that none is given up before a bad release can be mended';
comment on column ponto.falha.mensagem_id is 'Message of the queue';
comment on column ponto.falha.desde is 'When it failed on it first';
