-- Requests: what employees ask to be corrected in their punches, and refusals of these requests. To accept a request is to write
-- a correction, so it changes neither table.

create table ponto.solicitacao (
    id uuid primary key check (id::text ~ '^.{14}7'),
    usuario_id bigint not null check (usuario_id between 1 and 9007199254740991),
    tipo text not null check (tipo in ('inclusao', 'desconsideracao')),
    ponto timestamptz check (ponto >= '1899-12-31 00:00Z' and ponto < '3000-01-02 00:00Z'),
    batida_id uuid,
    motivo text not null check (
        char_length(motivo) between 3 and 200
        and motivo !~ '[\u0001-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]'
        and motivo ~ '^\S(.*\S)?$'
    ),
    autenticada boolean not null,
    criada_em timestamptz not null default clock_timestamp(),
    check ((tipo = 'inclusao') = (ponto is not null)),
    check ((tipo = 'inclusao') = (batida_id is null))
);

comment on table ponto.solicitacao is 'Requests of employees for corrections. Rows are added, never changed or removed.';
comment on column ponto.solicitacao.id is 'Idempotency key: a UUIDv7 of the client';
comment on column ponto.solicitacao.usuario_id is 'Employee';
comment on column ponto.solicitacao.tipo is 'inclusao: add a forgotten punch; desconsideracao: disregard a punch';
comment on column ponto.solicitacao.ponto is 'inclusao: instant of the forgotten punch; null: a desconsideracao';
comment on column ponto.solicitacao.batida_id is 'desconsideracao: id in batida; null: an inclusao';
comment on column ponto.solicitacao.motivo is 'Reason, in the words of the author';
comment on column ponto.solicitacao.autenticada is 'Whether the employee had signed in; false: the author is not known';
comment on column ponto.solicitacao.criada_em is 'When the row was written';

create index on ponto.solicitacao (usuario_id);

create function ponto.solicitacao_append_only() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception '% refused: rows of solicitacao are never changed or removed', tg_op;
end
$$;

comment on function ponto.solicitacao_append_only is 'Refuses to change or remove a request';

create trigger append_only before update or delete or truncate on ponto.solicitacao
for each statement execute function ponto.solicitacao_append_only();

create table ponto.recusa (
    solicitacao_id uuid primary key references ponto.solicitacao,
    motivo text not null check (
        char_length(motivo) between 3 and 200
        and motivo !~ '[\u0001-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]'
        and motivo ~ '^\S(.*\S)?$'
    ),
    autor text not null check (char_length(autor) between 1 and 2048),
    criada_em timestamptz not null default clock_timestamp()
);

comment on table ponto.recusa is 'Refusals of requests. Rows are added, never changed or removed.';
comment on column ponto.recusa.solicitacao_id is 'Refused request: at most one refusal each';
comment on column ponto.recusa.motivo is 'Reason, which the employee may read';
comment on column ponto.recusa.autor is 'Author, as verified by AWS; local: not verified';
comment on column ponto.recusa.criada_em is 'When the row was written';

create function ponto.recusa_append_only() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception '% refused: rows of recusa are never changed or removed', tg_op;
end
$$;

comment on function ponto.recusa_append_only is 'Refuses to change or remove a refusal';

create trigger append_only before update or delete or truncate on ponto.recusa
for each statement execute function ponto.recusa_append_only();
