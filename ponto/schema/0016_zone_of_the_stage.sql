-- An employee who is given the stage's own time zone by name has had it before: that is no change.

create or replace function funcionario_zona_mudou() returns trigger
language plpgsql as $$
begin
    -- Of an insert, old is null: the defaults.
    if (coalesce(new.fuso, fuso_padrao()), coalesce(new.corte, '04:00'))
        is distinct from (coalesce(old.fuso, fuso_padrao()), coalesce(old.corte, '04:00')) then
        new.zona_mudou_em := clock_timestamp();
    end if;
    return new;
end
$$;
