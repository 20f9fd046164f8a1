-- When an employee's time zone or cut-off last changed: a report as of an earlier moment has today's all the same.
-- The default cut-off, 04:00, is no change where there was none.

alter table funcionario add column zona_mudou_em timestamptz;

comment on column funcionario.zona_mudou_em is
    'When fuso or corte last changed, from the defaults too; by a trigger; null: never, as far as is known';

create function funcionario_zona_mudou() returns trigger
language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        new.zona_mudou_em := case
            when new.fuso is not null or coalesce(new.corte, '04:00') <> '04:00' then clock_timestamp()
        end;
    elsif (new.fuso, coalesce(new.corte, '04:00')) is distinct from (old.fuso, coalesce(old.corte, '04:00')) then
        new.zona_mudou_em := clock_timestamp();
    end if;
    return new;
end
$$;

comment on function funcionario_zona_mudou is 'Keeps when fuso or corte last changed';

create trigger zona_mudou before insert or update on funcionario
for each row execute function funcionario_zona_mudou();
