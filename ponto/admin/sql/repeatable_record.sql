insert into ponto.migracao_repetivel (nome, checksum, objetos) values (%(name)s, %(checksum)s, %(objects)s::text[])
on conflict (nome) do update set checksum = excluded.checksum, objetos = excluded.objetos, aplicada_em = default
