-- The number that a device gives each of its punches.

alter table batida add column sequencia bigint check (sequencia between 1 and 9007199254740991);

comment on column batida.sequencia is 'The device''s own running number of the punch; null: none was sent';

grant insert (sequencia) on batida to ponto_function;
