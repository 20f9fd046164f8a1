grant usage on schema ponto to ponto_corrections, ponto_correctors;

-- The function's role writes down whom AWS vouches for. People have logins of their own, members of the other role, and
-- PostgreSQL vouches for them: the owner alone says when a row was written.
grant insert (id, usuario_id, tipo, ponto, alvo, motivo, autor) on ponto.correcao to ponto_corrections;
grant insert (id, usuario_id, tipo, ponto, alvo, motivo) on ponto.correcao to ponto_correctors;

-- What the rules read, and an employee's time zone.
grant select on ponto.correcao to ponto_corrections, ponto_correctors;
grant select (id, usuario_id, ponto) on ponto.batida to ponto_corrections, ponto_correctors;
grant select (usuario_id, fuso) on ponto.funcionario to ponto_corrections, ponto_correctors;
grant execute on function
    ponto.correcao_espera, ponto.correcao_usuario, ponto.correcao_id, ponto.correcoes_vigentes, ponto.escrita_ate,
    ponto.instantes_locais, ponto.um_instante, ponto.instante_local, ponto.fuso_padrao, ponto.semana, ponto.semanas
to ponto_corrections, ponto_correctors;

-- The list of corrections.
grant select (corte) on ponto.funcionario to ponto_correctors;
grant execute on function
    ponto.usuario_reservado, ponto.do_usuario, ponto.primeiro_dia, ponto.ultimo_dia, ponto.corte_padrao,
    ponto.hora_local, ponto.correcoes_sem_nome
to ponto_correctors;

grant select on ponto.correcao, ponto.correcao_local to ponto_reader;
grant execute on function ponto.correcoes_vigentes, ponto.correcoes_sem_nome to ponto_reader;
