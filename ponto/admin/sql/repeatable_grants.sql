-- The rights on these views, their columns and functions, as the statements that give them again.
with given (privilege, holder, grantee, with_option) as (
    select privilege_type, format('table %%s', oid::regclass), grantee, is_grantable
    from pg_class cross join aclexplode(relacl)
    where relnamespace = quote_ident(current_setting('ponto.schema'))::regnamespace
        and relname = any(%(names)s::name[]) and grantee <> relowner
    union all
    select
        format('%%s (%%I)', privilege_type, attname), format('table %%s', pg_class.oid::regclass), grantee, is_grantable
    from pg_class join pg_attribute on attrelid = pg_class.oid cross join aclexplode(attacl)
    where relnamespace = quote_ident(current_setting('ponto.schema'))::regnamespace
        and relname = any(%(names)s::name[]) and grantee <> relowner
    union all
    select privilege_type, format('function %%s', oid::regprocedure), grantee, is_grantable
    from pg_proc cross join aclexplode(proacl)
    where pronamespace = quote_ident(current_setting('ponto.schema'))::regnamespace
        and proname = any(%(names)s::name[]) and grantee <> proowner
)
select
    format(
        'grant %%s on %%s to %%s%%s',
        privilege,
        holder,
        case grantee when 0 then 'public' else grantee::regrole::text end,
        case when with_option then ' with grant option' end
    )
from given
order by 1
