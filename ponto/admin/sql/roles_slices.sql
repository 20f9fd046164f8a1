-- The roles of this intake, as SQL writes their names, and the slice of each.
select format('%I', nome), fatia from ponto.migracao_papel
