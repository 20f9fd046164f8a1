-- Requests, by employee and instant of the punch: those with ids of a range, of a working month (null: all), perhaps only waiting ones.
select
    pedido.id::text,
    situacao,
    usuario_id,
    nome,
    tipo,
    pedido.ponto,
    dia,
    local,
    batida_id::text,
    motivo,
    autenticada,
    criada_em,
    aceite::text,
    correcao_id::text,
    correcao_autor,
    correcao_em,
    recusa_motivo,
    recusa_autor,
    recusa_em
from ponto.solicitacao_situacao as pedido
    left join ponto.funcionario using (usuario_id)
    cross join lateral ponto.hora_local(pedido.ponto, funcionario.fuso, funcionario.corte) as local_time
where pedido.id between %(first_id)s and %(last_id)s
    and (%(mes)s::date is null or local_time.dia between ponto.primeiro_dia(%(mes)s) and ponto.ultimo_dia(%(mes)s))
    and (not %(waiting)s or situacao = 'aguardando')
order by usuario_id, pedido.ponto, criada_em, pedido.id
