-- Two roles besides the owner: the function's, which stores punches, and that of the reports, which reads.

-- Roles belong to the whole server: another database on it may have made them, or be making them.
do $$
declare
    role name;
begin
    foreach role in array array['ponto_function', 'ponto_reader'] loop
        if not exists (select from pg_roles where rolname = role) then
            begin
                execute format('create role %I login', role); -- no password: nobody signs in with one yet
            exception
                when duplicate_object or unique_violation then
                    null; -- made meanwhile
            end;
        end if;
    end loop;

    -- So that the owner can take on the reports' rights, and no more, for a session.
    if not pg_has_role('ponto_reader', 'set') then
        execute format('grant ponto_reader to %I', current_user);
    end if;
exception
    when insufficient_privilege then
        raise exception '% may not make the roles ponto_function and ponto_reader, or not use them: %',
            current_user, sqlerrm
        using
            errcode = 'insufficient_privilege',
            hint = format(
                'As an administrator: alter role %1$I createrole; and, where the roles exist already: '
                'grant ponto_function, ponto_reader to %1$I with admin option. Then try again.',
                current_user
            );
end
$$;

-- PUBLIC has these unless somebody took them away.
do $$
declare
    role name;
begin
    foreach role in array array['ponto_function', 'ponto_reader'] loop
        if not has_database_privilege(role, current_database(), 'connect') then
            execute format('grant connect on database %I to %I', current_database(), role);
        end if;
        if not has_schema_privilege(role, current_schema(), 'usage') then
            execute format('grant usage on schema %I to %I', current_schema(), role);
        end if;
    end loop;

    if has_schema_privilege('ponto_function', current_schema(), 'create') then
        raise notice '%', format(
            'everybody, so ponto_function too, may make tables in schema %1$I, as was usual before PostgreSQL 15. '
            'If nothing else needs that: revoke create on schema %1$I from public',
            current_schema()
        );
    end if;

    -- Temporary tables, which fill the disk, are everybody's right too. Where the database is ours alone it goes.
    if has_database_privilege('ponto_function', current_database(), 'temporary') then
        if pg_has_role((select datdba from pg_database where datname = current_database()), 'usage')
            and not exists (
                select
                from pg_class
                where relkind in ('r', 'p', 'f')
                    and relnamespace::regnamespace::text !~ '^(pg_|information_schema$)'
                    and oid not in (
                        'migracao'::regclass, 'migracao_repetivel'::regclass, 'batida'::regclass, 'falha'::regclass,
                        'funcionario'::regclass
                    )
                    and oid is distinct from to_regclass('batida_original')
            )
        then
            execute format('revoke temporary on database %I from public', current_database());
        else
            raise notice '%', format(
                'everybody, so ponto_function too, may make temporary tables in database %1$I, which others use too. '
                'If nothing else needs that: revoke temporary on database %1$I from public',
                current_database()
            );
        end if;
    end if;
end
$$;

-- By column, so that nobody but the owner says when a row was written.
grant insert (
    id, usuario_id, ponto, deslocamento, dispositivo, offline, enviado, latitude, longitude, precisao, recebida_em,
    mensagem_id, chave
) on batida to ponto_function;
-- What ON CONFLICT and the look-up of a taken id read.
grant select (id, usuario_id, ponto) on batida to ponto_function;

-- What the function's own code fails on, and since when.
grant insert (mensagem_id), select, delete on falha to ponto_function;

grant select on batida, funcionario to ponto_reader;
revoke execute on function funcionario_fuso from public;
