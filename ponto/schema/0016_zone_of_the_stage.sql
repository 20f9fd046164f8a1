-- An employee who is given the stage's own time zone by name has had it before: that is no change.

-- It runs with the owner's rights, for a login that may write employees may not call fuso_padrao(). That one reads the
-- catalog, so it is called only for a zone that is given or taken away.
create or replace function funcionario_zona_mudou() returns trigger
language plpgsql security definer as $$
begin
    -- Of an insert, old is null: the defaults.
    if (new.fuso is distinct from old.fuso and coalesce(new.fuso, fuso_padrao()) <> coalesce(old.fuso, fuso_padrao()))
        or coalesce(new.corte, '04:00') <> coalesce(old.corte, '04:00') then
        new.zona_mudou_em := clock_timestamp();
    end if;
    return new;
end
$$;

-- Not as the session would have it.
do $$
begin
    execute format('alter function funcionario_zona_mudou() set search_path = %I, pg_temp', current_schema());
end
$$;
revoke execute on function funcionario_zona_mudou from public;
