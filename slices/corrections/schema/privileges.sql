grant usage on schema ponto to ponto_corrections, ponto_correctors;

-- The function's role writes the author that AWS verified. People sign in with personal logins, members of
-- ponto_correctors, and the author is the login. Only the owner may set criada_em.
grant insert (id, usuario_id, tipo, ponto, alvo, motivo, autor) on ponto.correcao to ponto_corrections;
grant insert (id, usuario_id, tipo, ponto, alvo, motivo) on ponto.correcao to ponto_correctors;

-- Needed by the rules, and to convert local times.
grant select on ponto.correcao to ponto_corrections, ponto_correctors;
grant select (id, usuario_id, ponto) on ponto.batida to ponto_corrections, ponto_correctors;
grant select (usuario_id, fuso) on ponto.funcionario to ponto_corrections, ponto_correctors;
grant execute on function
    ponto.correcao_usuario, ponto.correcao_id, ponto.correcoes_vigentes, ponto.escrita_ate,
    ponto.instantes_locais, ponto.um_instante, ponto.instante_local, ponto.fuso_padrao, ponto.semana, ponto.semanas
to ponto_corrections, ponto_correctors;

-- Needed to list corrections.
grant select (corte) on ponto.funcionario to ponto_correctors;
grant execute on function
    ponto.usuario_reservado, ponto.do_usuario, ponto.primeiro_dia, ponto.ultimo_dia, ponto.corte_padrao,
    ponto.hora_local, ponto.correcoes_sem_nome
to ponto_correctors;

grant select on ponto.correcao, ponto.correcao_local to ponto_reader;
grant execute on function ponto.correcoes_vigentes, ponto.correcoes_sem_nome to ponto_reader;
