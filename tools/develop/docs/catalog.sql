-- Tables, their indexes, triggers, triggers' functions, comments and rights, as the catalog has them: the statements
-- that make them, in the order of making.
with object (class, id, statement) as (
    select
        'pg_class'::regclass,
        pg_class.oid,
        format(
            E'create table %I (\n    %s\n);',
            relname,
            (
                select string_agg(line, E',\n    ' order by kind, place)
                from (
                    select
                        'column' as kind,
                        attnum as place,
                        format('%I %s', attname, format_type(atttypid, atttypmod))
                        || coalesce(' default ' || pg_get_expr(adbin, adrelid), '')
                        || case when attnotnull then ' not null' else '' end as line
                    from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
                    where attrelid = pg_class.oid and attnum > 0 and not attisdropped
                    union all
                    select
                        'constraint',
                        row_number() over (order by contype desc, conname),
                        format('constraint %I %s', conname, replace(pg_get_constraintdef(oid, true), ' NOT VALID', ''))
                    from pg_constraint
                    where conrelid = pg_class.oid and contype in ('p', 'u', 'f', 'c')
                ) as part
            )
        )
    from pg_class
    where relnamespace = 'public'::regnamespace and relkind = 'r'
    union all
    select 'pg_class'::regclass, indexrelid, pg_get_indexdef(indexrelid) || ';'
    from pg_index join pg_class on pg_class.oid = indexrelid
    where relnamespace = 'public'::regnamespace and not exists (select from pg_constraint where conindid = indexrelid)
    union all
    select 'pg_proc'::regclass, oid, rtrim(pg_get_functiondef(oid), E'\n') || ';'
    from pg_proc
    where pronamespace = 'public'::regnamespace and prorettype = 'trigger'::regtype
    union all
    select 'pg_trigger'::regclass, pg_trigger.oid, pg_get_triggerdef(pg_trigger.oid, true) || ';'
    from pg_trigger join pg_class on pg_class.oid = tgrelid
    where relnamespace = 'public'::regnamespace and not tgisinternal
),
more (class, id, place, statement) as (
    select
        classoid,
        objoid,
        objsubid,
        case
            when classoid = 'pg_proc'::regclass
            then format('comment on function %s is %L;', objoid::regprocedure, description)
            when objsubid = 0 then format('comment on table %s is %L;', objoid::regclass, description)
            else format('comment on column %s.%I is %L;', objoid::regclass, attname, description)
        end
    from pg_description
        left join pg_attribute on classoid = 'pg_class'::regclass and attrelid = objoid and attnum = objsubid
    where classoid in ('pg_class'::regclass, 'pg_proc'::regclass)
    union all
    select 'pg_proc'::regclass, oid, 10000, format('revoke execute on function %s from public;', oid::regprocedure)
    from pg_proc
    where not exists (select from aclexplode(coalesce(proacl, acldefault('f', proowner))) where grantee = 0)
    union all
    select
        'pg_class'::regclass,
        oid,
        10000,
        format('grant %s on %s to %s;', lower(string_agg(privilege_type, ', ')), oid::regclass, grantee::regrole)
    from pg_class cross join aclexplode(relacl)
    where grantee not in (0, relowner)
    group by oid, grantee
    union all
    select
        'pg_class'::regclass,
        attrelid,
        10001,
        format(
            'grant %s (%s) on %s to %s;',
            lower(privilege_type),
            string_agg(quote_ident(attname), ', ' order by attnum),
            attrelid::regclass,
            grantee::regrole
        )
    from pg_attribute cross join aclexplode(attacl)
    group by attrelid, privilege_type, grantee
)
select
    statement || coalesce(
        E'\n' || (
            select string_agg(more.statement, E'\n' order by place, more.statement)
            from more
            where more.class = object.class and more.id = object.id
        ),
        ''
    )
from object
order by id
