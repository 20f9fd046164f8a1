grant select on
    ponto.funcionario, ponto.empregador, ponto.batida_local, ponto.batida_valida, ponto.jornada, ponto.lacunas,
    ponto.correcao_pedida
to ponto_reader;
grant execute on function
    ponto.usuario_reservado, ponto.do_usuario, ponto.antes_do_dia, ponto.depois_do_dia, ponto.escrita_ate,
    ponto.batidas_lidas_do_empregado, ponto.batidas_lidas_de_todos, ponto.batidas_lidas, ponto.corte_padrao,
    ponto.hora_local, ponto.batidas_enviadas, ponto.batidas, ponto.correcoes, ponto.batidas_em, ponto.noite,
    ponto.noturno_na_mudanca, ponto.noturno, ponto.jornadas, ponto.primeiro_dia, ponto.ultimo_dia, ponto.dias_do_mes,
    ponto.espelho, ponto.espelhos, ponto.espelho_totais, ponto.excecoes, ponto.cortes,
    ponto.inicio_do_dia, ponto.numeros_recebidos, ponto.saltos, ponto.lacunas_recebidas
to ponto_reader;
