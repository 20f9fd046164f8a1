-- The corrections of a month's punches, by the working day, in the order of the punches and of their writing.
select
    correcao.criada_em,
    correcao.id::text,
    correcao.tipo,
    exists (
        select from correcao as anulacao where anulacao.tipo = 'anulacao' and anulacao.alvo = correcao.id
    ) as desfeita,
    correcao.usuario_id,
    corrigido.ponto,
    corrigido.local,
    correcao.alvo::text,
    correcao.motivo,
    correcao.autor
from correcao
    left join funcionario using (usuario_id)
    left join correcao as corrigida on corrigida.id = correcao.alvo
    left join correcao as incluida on incluida.id = corrigida.alvo -- that was disregarded; this is undone
    left join batida on batida.id = coalesce(corrigida.alvo, correcao.alvo)
    cross join lateral (
        select instante.ponto, aqui.local, aqui.dia
        from (values (coalesce(correcao.ponto, corrigida.ponto, incluida.ponto, batida.ponto))) as instante (ponto)
            cross join lateral hora_local(instante.ponto, funcionario.fuso, funcionario.corte) as aqui
    ) as corrigido
where corrigido.dia >= %(mes)s::date
    and corrigido.dia < %(mes)s::date + interval '1 month'
    and correcao.usuario_id <> usuario_reservado()
order by correcao.usuario_id, corrigido.ponto, correcao.criada_em, correcao.id
