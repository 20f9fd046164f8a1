-- In the index before this one each punch had a page of its own, the last of its employee: too many to keep in memory.
-- PostgreSQL named it, and maybe another name is its own by now.
do $$
declare
    index regclass;
begin
    for index in
        select indexrelid
        from pg_index
        where indrelid = 'batida'::regclass
            and pg_get_indexdef(indexrelid) ~ ' USING btree \(usuario_id, ponto\)$'
    loop
        execute format('drop index %s', index);
    end loop;
end
$$;
