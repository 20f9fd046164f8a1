-- The corrections of a month's punches, by the local date, in the order of the punches and of their writing.
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
        select ponto, ponto at time zone coalesce(fuso, (select fuso_padrao())) as local
        from (values (coalesce(correcao.ponto, corrigida.ponto, incluida.ponto, batida.ponto))) as instante (ponto)
    ) as corrigido
where corrigido.local >= %(mes)s::date and corrigido.local < %(mes)s::date + interval '1 month'
order by correcao.usuario_id, corrigido.ponto, correcao.criada_em, correcao.id
