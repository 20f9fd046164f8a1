-- The rows of an employee's working day, as they were sent, each with the correction by which it does not count.
select
    batida.id,
    usuario_id,
    ponto,
    recebida_em,
    gravada_em,
    chave,
    mensagem_id,
    dispositivo,
    coalesce(fuso, fuso_padrao()),
    (
        select contra.id::text
        from correcao as contra
        where contra.alvo = batida.id
            and contra.tipo = 'desconsideracao'
            and not exists (select from correcao as anulacao where anulacao.alvo = contra.id)
    )
from batida left join funcionario using (usuario_id)
where batida.id = any(array(select id from batidas_enviadas(%(dia)s, %(dia)s, %(usuario)s)))
order by ponto, batida.id
