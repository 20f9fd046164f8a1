-- Which of these roles exist and were created by others than this intake, as far as this database knows.
select rolname
from pg_roles
where rolname = any(%(names)s::name[])
    and not exists (select from ponto.migracao_papel where nome = rolname and migracao_papel.oid = pg_roles.oid)
