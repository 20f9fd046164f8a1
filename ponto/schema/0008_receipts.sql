-- A third role: that of the function which answers whether a punch is a row.

-- Roles belong to the whole server: another database on it may have made this one, or be making it.
do $$
begin
    if not exists (select from pg_roles where rolname = 'ponto_receipts') then
        begin
            create role ponto_receipts login; -- no password: nobody signs in with one yet
        exception
            when duplicate_object or unique_violation then
                null; -- made meanwhile
        end;
    end if;
exception
    when insufficient_privilege then
        raise exception '% may not make the role ponto_receipts: %', current_user, sqlerrm
        using
            errcode = 'insufficient_privilege',
            hint = format('As an administrator: alter role %I createrole. Then try again.', current_user);
end
$$;

-- PUBLIC has these unless somebody took them away.
do $$
begin
    if not has_database_privilege('ponto_receipts', current_database(), 'connect') then
        execute format('grant connect on database %I to ponto_receipts', current_database());
    end if;
    if not has_schema_privilege('ponto_receipts', current_schema(), 'usage') then
        execute format('grant usage on schema %I to ponto_receipts', current_schema());
    end if;
end
$$;

-- What a receipt says, and no more: neither where nor on which device somebody punched.
grant select (id, usuario_id, ponto, recebida_em, gravada_em) on batida to ponto_receipts;
