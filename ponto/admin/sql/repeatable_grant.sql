-- Give rights again, but for those on what is no more. That our own roles lose these is as it should be.
do $$
declare
    statement text;
begin
    foreach statement in array %(grants)s::text[] loop
        begin
            execute statement;
        exception
            when undefined_table or undefined_column or undefined_function then
                if statement !~ ' to ponto_\w+$' then
                    raise notice 'gone with what it was on: %%', statement;
                end if;
        end;
    end loop;
end
$$
