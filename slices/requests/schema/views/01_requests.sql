-- Requests with their states. Commands, the API and SQL read the state here only.

-- The view uses tables and built-in functions only, so its readers need no privilege but to select from it.
create or replace view ponto.solicitacao_situacao as
select
    pedido.id,
    pedido.usuario_id,
    pedido.tipo,
    coalesce(pedido.ponto, batida.ponto) as ponto,
    pedido.batida_id,
    pedido.motivo,
    pedido.autenticada,
    pedido.criada_em,
    case
        when correcao.id = aceite and not correcao.desfeita then 'aceita'
        when recusa.solicitacao_id is not null then 'recusada'
        when not correcao.desfeita then 'corrigida'
        when correcao.desfeita then 'desfeita'
        else 'aguardando'
    end as situacao,
    aceite,
    correcao.id as correcao_id,
    correcao.autor as correcao_autor,
    correcao.criada_em as correcao_em,
    recusa.motivo as recusa_motivo,
    recusa.autor as recusa_autor,
    recusa.criada_em as recusa_em
from ponto.solicitacao as pedido
    left join ponto.batida on batida.id = pedido.batida_id
    left join ponto.recusa on recusa.solicitacao_id = pedido.id
    cross join lateral (
        -- Version 8, beginning with c, as other ids of corrections (docs/derived-ids.md).
        select encode(
            set_byte(
                set_byte(set_byte(hash, 0, get_byte(hash, 0) & 15 | 192), 6, get_byte(hash, 6) & 15 | 128),
                8,
                get_byte(hash, 8) & 63 | 128
            ),
            'hex'
        )::uuid
        from substr(sha256(convert_to('solicitacao|' || pedido.id, 'UTF8')), 1, 16) as hash
    ) as derivado (aceite)
    left join lateral (
        -- The correction of the same punch: one that is not undone, or else the undone one that accepted the request.
        select igual.id, igual.autor, igual.criada_em, desfeita
        from ponto.correcao as igual
            cross join lateral (
                select exists (select from ponto.correcao as anulacao where anulacao.alvo = igual.id and anulacao.tipo = 'anulacao')
            ) as anulada (desfeita)
        where igual.usuario_id = pedido.usuario_id
            and igual.tipo = pedido.tipo
            and igual.ponto is not distinct from pedido.ponto
            and igual.alvo is not distinct from pedido.batida_id
            and (igual.id = aceite or not desfeita)
        order by desfeita, igual.id <> aceite
        limit 1
    ) as correcao on true;

comment on view ponto.solicitacao_situacao is 'Requests with their states and decisions';
comment on column ponto.solicitacao_situacao.id is 'Id of the request';
comment on column ponto.solicitacao_situacao.usuario_id is 'Employee';
comment on column ponto.solicitacao_situacao.tipo is 'inclusao: add a forgotten punch; desconsideracao: disregard a punch';
comment on column ponto.solicitacao_situacao.ponto is 'Instant of the punch';
comment on column ponto.solicitacao_situacao.batida_id is 'desconsideracao: id in batida; null: an inclusao';
comment on column ponto.solicitacao_situacao.motivo is 'Reason of the request';
comment on column ponto.solicitacao_situacao.autenticada is 'Whether the employee had signed in; false: the author is not known';
comment on column ponto.solicitacao_situacao.criada_em is 'When the request was written';
comment on column ponto.solicitacao_situacao.situacao is
    'aguardando: waiting; aceita: accepted; desfeita: accepted and undone; corrigida: the punch was corrected otherwise; '
    'recusada: refused';
comment on column ponto.solicitacao_situacao.aceite is 'Id that a correction has if it accepts the request';
comment on column ponto.solicitacao_situacao.correcao_id is 'Correction of the punch; null: none';
comment on column ponto.solicitacao_situacao.correcao_autor is 'Author of this correction';
comment on column ponto.solicitacao_situacao.correcao_em is 'When this correction was written';
comment on column ponto.solicitacao_situacao.recusa_motivo is 'Reason of the refusal; null: none';
comment on column ponto.solicitacao_situacao.recusa_autor is 'Author of the refusal';
comment on column ponto.solicitacao_situacao.recusa_em is 'When the refusal was written';
