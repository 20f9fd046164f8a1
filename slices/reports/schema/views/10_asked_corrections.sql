-- Corrections that employees asked for: here, none. A slice through which employees ask for corrections replaces this file.

create or replace view ponto.correcao_pedida as select null::uuid as id, null::boolean as autenticada where false;

comment on view ponto.correcao_pedida is 'Corrections that accepted a request of the employee';
comment on column ponto.correcao_pedida.id is 'Id of the correction';
comment on column ponto.correcao_pedida.autenticada is
    'Whether the employee had signed in; false: the author of the request is not known';
