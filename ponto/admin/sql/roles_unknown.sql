-- Which of these roles exist and were created by others than this intake, as far as is known. A role that another database
-- of this owner's uses was looked at there.
with own as (
    select oid from pg_roles where rolname = current_user
),
own_database (oid) as (
    select pg_database.oid
    from pg_database join own on datdba = own.oid
    union
    select dbid
    from pg_shdepend join own on refobjid = own.oid
    where refclassid = 'pg_authid'::regclass and deptype = 'o'
)
select rolname
from pg_roles
where rolname = any(%(names)s::name[])
    and not exists (select from ponto.migracao_papel where nome = rolname and migracao_papel.oid = pg_roles.oid)
    and not exists (
        select
        from pg_shdepend join own_database on own_database.oid = dbid
        where refclassid = 'pg_authid'::regclass
            and refobjid = pg_roles.oid
            and dbid <> (select oid from pg_database where datname = current_database())
    )
