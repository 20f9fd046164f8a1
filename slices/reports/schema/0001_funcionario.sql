-- Employees, for the reports.

create table ponto.funcionario (
    usuario_id bigint primary key check (usuario_id between 1 and 9007199254740990),
    nome text not null check (nome ~ '\S'),
    cpf text check (cpf ~ '^[0-9]{11}$'),
    fuso text,
    corte time check (corte < '24:00' and date_trunc('minute', corte) = corte),
    zona_mudou_em timestamptz
);

comment on table ponto.funcionario is
    'Employees. Optional: without it the reports have no names, and one time zone and cut-off for all';
comment on column ponto.funcionario.usuario_id is 'Employee''s number, as in batida';
comment on column ponto.funcionario.nome is 'Name';
comment on column ponto.funcionario.cpf is 'CPF, the Brazilian taxpayer number: 11 digits; null: not known';
comment on column ponto.funcionario.fuso is 'Time zone by its IANA name, as America/Sao_Paulo; null: the stage''s';
comment on column ponto.funcionario.corte is
    'Cut-off of the working day, local time, whole minutes: earlier punches belong to the day before; null: 04:00';
comment on column ponto.funcionario.zona_mudou_em is
    'When fuso or corte last changed, from the defaults too; by a trigger; null: never, as far as is known';

-- AT TIME ZONE also accepts abbreviations and POSIX zones, whose sign is inverted ("UTC+3" is west of Greenwich). The
-- trigger runs once for each statement, because reading all names is slow.
create function ponto.funcionario_fuso_insert_update() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
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

comment on function ponto.funcionario_fuso_insert_update is 'Refuses time zones that are not in pg_timezone_names';

-- Two triggers, because a trigger on both events cannot have a transition table.
create trigger fuso_insert after insert on ponto.funcionario referencing new table as changed
for each statement execute function ponto.funcionario_fuso_insert_update();
create trigger fuso_update after update on ponto.funcionario referencing new table as changed
for each statement execute function ponto.funcionario_fuso_insert_update();

-- A report as of an earlier instant uses the current zone and cut-off, and prints when they changed. Setting a value equal
-- to the default is no change.
--
-- The function has the owner's rights, because a role that may write employees may not call fuso_padrao(). This reads the
-- catalog, so it is called only if the column changes.
create function ponto.funcionario_zona_mudou() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    -- For an insert, old is null, which means the defaults.
    if (
        new.fuso is distinct from old.fuso
        and coalesce(new.fuso, ponto.fuso_padrao()) <> coalesce(old.fuso, ponto.fuso_padrao())
    )
        or coalesce(new.corte, ponto.corte_padrao()) <> coalesce(old.corte, ponto.corte_padrao()) then
        new.zona_mudou_em := clock_timestamp();
    end if;
    return new;
end
$$;

comment on function ponto.funcionario_zona_mudou is 'Sets the time at which fuso or corte last changed';

create trigger zona_mudou before insert or update on ponto.funcionario
for each row execute function ponto.funcionario_zona_mudou();
