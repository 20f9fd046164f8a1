-- The table of orders. Its checks admit everything that POST /ponto can deliver, and nothing else.
create table ponto.batida (
    id uuid primary key,
    pedido text not null check (
        char_length(pedido) <= 64
        and pedido !~ '[\u0001-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]'
    ),
    loja bigint not null check (loja between 1 and 9007199254740991),
    criado timestamptz not null check (criado >= '1899-12-31 00:00Z' and criado < '3000-01-02 00:00Z'),
    total_centavos bigint not null check (total_centavos between 0 and 1000000000000),
    recebida_em timestamptz check (recebida_em >= '1970-01-01 00:00Z' and recebida_em < '3000-01-02 00:00Z'),
    -- Not now(), which is the start of the transaction and may be much earlier.
    gravada_em timestamptz not null default clock_timestamp(),
    mensagem_id text check (char_length(mensagem_id) between 1 and 100),
    chave text check (char_length(chave) between 1 and 100)
);

comment on table ponto.batida is 'Orders. Rows are added, never changed or removed.';
comment on column ponto.batida.id is 'Idempotency key: the client''s, or derived from loja, pedido and criado';
comment on column ponto.batida.pedido is 'Name that the shop gives to the order';
comment on column ponto.batida.loja is 'Shop';
comment on column ponto.batida.criado is 'When it was ordered, by the shop''s clock';
comment on column ponto.batida.total_centavos is 'Total in cents';
comment on column ponto.batida.recebida_em is 'When the queue received it';
comment on column ponto.batida.gravada_em is 'When the row was written';
comment on column ponto.batida.mensagem_id is 'Id of the message of SQS';
comment on column ponto.batida.chave is 'Id of the API key, never the key itself; null: sent without one';

-- Orders of a shop by week (Monday to Sunday, UTC), as semana() computes it.
create index batida_semana_loja_idx on ponto.batida (date_bin('7 days', criado, timestamptz '2000-01-03 00:00Z'), loja);
create index on ponto.batida using brin (recebida_em timestamptz_minmax_multi_ops) with (autosummarize = on);

create function ponto.batida_append_only() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception '% refused: rows of batida are never changed or removed', tg_op;
end
$$;

comment on function ponto.batida_append_only() is 'Refuses to change or remove an order';

create trigger append_only before update or delete or truncate on ponto.batida
for each statement execute function ponto.batida_append_only();
