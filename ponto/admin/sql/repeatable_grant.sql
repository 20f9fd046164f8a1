-- Give rights again, but for those on what is no more.
do $$
declare
    statement text;
begin
    foreach statement in array %(grants)s::text[] loop
        begin
            execute statement;
        exception
            when undefined_table or undefined_column or undefined_function then
                raise notice 'gone with what it was on: %%', statement;
        end;
    end loop;
end
$$
