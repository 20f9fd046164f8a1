-- Who but the owner of the tables, and superusers, may create in their schema; and what others have there whose name our
-- statements use: a function, an operator or a table that would be taken for PostgreSQL's, or for ours.
set local search_path = pg_catalog, pg_temp;

with here as (
    select pg_namespace.oid, quote_ident(nspname) as name, nspowner, nspacl, quote_ident(datname) as database, datdba
    from pg_namespace cross join pg_database
    where nspname = current_setting('ponto.schema') and datname = current_database()
),
owner as (
    select coalesce(
        (
            select relowner
            from pg_class join here on relnamespace = here.oid
            where relname = 'batida' and not %(as_owner)s
        ),
        quote_ident(current_user)::regrole::oid
    ) as oid
),
trusted as (
    select oid from pg_roles where rolsuper
    union
    select oid from owner
),
holder (role, remedy) as (
    select
        nspowner,
        case nspowner when 'pg_database_owner'::regrole then 'alter database ' || database else 'alter schema ' || name end
        || format(' owner to %%s', owner.oid::regrole)
    from here cross join owner
    union all
    select
        grantee,
        format('revoke create on schema %%s from ', name) || case grantee when 0 then 'public' else grantee::regrole::text end
    from here cross join aclexplode(nspacl)
    where privilege_type = 'CREATE' and grantee <> nspowner
),
-- pg_database_owner has one member.
creator as (
    select case role when 'pg_database_owner'::regrole then datdba else role end as role, remedy
    from holder cross join here
),
used as (
    select proname as name from pg_proc where pronamespace = 'pg_catalog'::regnamespace
    union
    select proname from pg_proc join here on pronamespace = here.oid where proowner in (select oid from trusted)
),
foreign_object as (
    select 'function' as kind, pg_proc.oid::regprocedure::text as name, proowner as owner, false as is_batida
    from pg_proc join here on pronamespace = here.oid
    where proname in (select name from used)
    union all
    select 'operator', pg_operator.oid::regoperator::text, oprowner, false
    from pg_operator join here on oprnamespace = here.oid
    where oprname in (select oprname from pg_operator where oprnamespace = 'pg_catalog'::regnamespace)
    union all
    select 'relation', pg_class.oid::regclass::text, relowner, relname = 'batida'
    from pg_class join here on relnamespace = here.oid
    where relname in ('batida', 'batida_original', 'falha', 'migracao', 'migracao_papel', 'migracao_repetivel')
        or relname = any(%(tables)s::name[])
)
select
    case role when 0 then 'everybody (PUBLIC)' else role::regrole::text end,
    true,
    remedy
from creator
where role not in (select oid from trusted)
union all
(
    select
        format('%%s %%s of %%s', kind, name, owner::regrole),
        false,
        case
            when kind <> 'relation' then format('drop %%s %%s', kind, name)
            -- of the first version, whose rows are copied
            when is_batida then format('alter table %%s owner to %%s', name, (select oid::regrole from owner))
            else format('alter table %%s rename to another_name', name)
        end
    from foreign_object
    where owner not in (select oid from trusted)
    order by 1
)
