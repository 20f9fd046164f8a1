-- The roles of this intake, as SQL writes their names, and the slice of each.
select format('%%I', nome), fatia
from ponto.migracao_papel join pg_roles on rolname = nome and pg_roles.oid = migracao_papel.oid
where starts_with(nome, %(prefix)s)
