-- replaces: reports/views/10_asked_corrections.sql
-- Requests with their states, and the corrections that accepted them. Commands, the API and SQL read the state here only.

create or replace function ponto.id_do_aceite(solicitacao uuid) returns uuid
language sql immutable parallel safe
begin atomic
    -- Version 8, beginning with c, as other ids of corrections (docs/derived-ids.md).
    select encode(
        set_byte(
            set_byte(set_byte(hash, 0, get_byte(hash, 0) & 15 | 192), 6, get_byte(hash, 6) & 15 | 128),
            8,
            get_byte(hash, 8) & 63 | 128
        ),
        'hex'
    )::uuid
    from substr(sha256(convert_to('solicitacao|' || solicitacao, 'UTF8')), 1, 16) as hash;
end;

create or replace view ponto.correcao_pedida as
select correcao.id, pedido.autenticada
from ponto.correcao
    join ponto.solicitacao as pedido
        on pedido.usuario_id = correcao.usuario_id
        and pedido.tipo = correcao.tipo
        and pedido.ponto is not distinct from correcao.ponto
        and pedido.batida_id is not distinct from correcao.alvo
        and ponto.id_do_aceite(pedido.id) = correcao.id;

-- Besides tables, this view uses only the function above, which its readers may execute.
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
    cross join lateral (values (ponto.id_do_aceite(pedido.id))) as derivado (aceite)
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

comment on function ponto.id_do_aceite is 'Id that a correction has if it accepts the request with this id';
comment on view ponto.correcao_pedida is 'Corrections that accepted a request of the employee';
comment on column ponto.correcao_pedida.id is 'Id of the correction';
comment on column ponto.correcao_pedida.autenticada is
    'Whether the employee had signed in; false: the author of the request is not known';
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
