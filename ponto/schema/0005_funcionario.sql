-- Employees, for the reports.

create table funcionario (
    usuario_id bigint primary key check (usuario_id between 1 and 9007199254740990),
    nome text not null check (nome ~ '\S'),
    cpf text check (cpf ~ '^[0-9]{11}$'),
    fuso text,
    corte time check (corte < '24:00' and date_trunc('minute', corte) = corte)
);

comment on table funcionario is
    'Employees. Optional: without it the reports have no names, and one time zone and cut-off for all';
comment on column funcionario.usuario_id is 'Employee''s number, as in batida';
comment on column funcionario.nome is 'Name';
comment on column funcionario.cpf is 'CPF, the Brazilian taxpayer number: 11 digits; null: not known';
comment on column funcionario.fuso is 'Time zone by its IANA name, as America/Sao_Paulo; null: the stage''s';
comment on column funcionario.corte is
    'Cut-off of the working day, local time, whole minutes: earlier punches belong to the day before; null: 04:00';

-- AT TIME ZONE also takes abbreviations and POSIX zones, whose sign is the other way round ("UTC+3" is west of
-- Greenwich). Once a statement, for reading all names takes a while.
create function funcionario_fuso() returns trigger
language plpgsql as $$
declare
    wrong record;
begin
    select usuario_id, fuso into wrong
    from changed
    where fuso not in (select name from pg_timezone_names)
    order by usuario_id
    limit 1;
    if found then
        raise exception 'funcionario %: fuso "%" is not a time zone', wrong.usuario_id, wrong.fuso
        using errcode = 'check_violation', hint = 'Use a name like America/Sao_Paulo; pg_timezone_names has them all.';
    end if;
    return null;
end
$$;

comment on function funcionario_fuso is 'Refuses time zones that are not in pg_timezone_names';

-- One each, for a trigger on both events cannot have the changed rows.
create trigger fuso_insert after insert on funcionario referencing new table as changed
for each statement execute function funcionario_fuso();
create trigger fuso_update after update on funcionario referencing new table as changed
for each statement execute function funcionario_fuso();
