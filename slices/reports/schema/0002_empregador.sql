-- The employer at the head of time cards: the stage's parameter `employer`, which the function `schema` stores.

create table ponto.empregador (
    unico boolean primary key default true check (unico),
    identificacao text not null check (char_length(identificacao) between 1 and 200)
);

comment on table ponto.empregador is 'Employer, from the stage''s parameter; no row: none';
comment on column ponto.empregador.unico is 'True, so that there is at most one row';
comment on column ponto.empregador.identificacao is 'Name, and CNPJ or CPF, as printed on time cards';
