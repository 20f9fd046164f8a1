-- Who employs, for time cards: the stage's parameter `employer`, which the function `schema` writes here.

create table ponto.empregador (
    unico boolean primary key default true check (unico),
    identificacao text not null check (char_length(identificacao) between 1 and 200)
);

comment on table ponto.empregador is 'Who employs, as the stage''s parameter names it; no row: nobody is named';
comment on column ponto.empregador.unico is 'There is one row at most';
comment on column ponto.empregador.identificacao is 'Name, and CNPJ or CPF, as time cards have it';
