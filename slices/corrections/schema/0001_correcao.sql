-- Corrections: punches that a responsible person added or disregarded. Rows of batida never change.

-- The check of id keeps punches and corrections from having the same id: no client may send a UUID of version 8, and an id
-- that is derived for a punch does not begin with c (docs/derived-ids.md).
create table ponto.correcao (
    id uuid primary key check (id::text ~ '^c.{13}8'),
    usuario_id bigint not null check (usuario_id between 1 and 9007199254740991),
    tipo text not null check (tipo in ('inclusao', 'desconsideracao', 'anulacao')),
    ponto timestamptz check (ponto >= '1899-12-31 00:00Z' and ponto < '3000-01-02 00:00Z'),
    alvo uuid check (alvo <> id),
    motivo text not null check (
        char_length(motivo) between 3 and 200
        and motivo !~ '[\u0001-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]'
        and motivo ~ '^\S(.*\S)?$'
    ),
    autor text not null default session_user check (char_length(autor) between 1 and 2048),
    -- clock_timestamp(), because now() is the time at which the transaction began, which may be much earlier.
    criada_em timestamptz not null default clock_timestamp(),
    -- An addition has an instant, all other corrections a target.
    check ((tipo = 'inclusao') = (ponto is not null)),
    check ((tipo = 'inclusao') = (alvo is null)),
    -- A reason must not look empty on a signed time card, so three of its characters must be visible: not among
    -- INVISIBLE_CHARACTERS of ponto/shared/fields.py.
    constraint correcao_motivo_visivel check (
        char_length(regexp_replace(
            motivo,
            '[\u0001-\u0020\u007f-\u00a0\u00ad\u0300-\u036f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u1ab0-\u1aff'
            '\u1dc0-\u1dff\u2000-\u200f\u2028-\u202f\u205f-\u206f\u20d0-\u20ff\u2800\u3000\u3164\ue000-\uf8ff\ufdd0-\ufdef'
            '\ufe00-\ufe0f\ufe20-\ufe2f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U00013430-\U0001343f\U0001bca0-\U0001bca3'
            '\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff\U000f0000-\U0010ffff]',
            '',
            'g'
        )) >= 3
    )
);

comment on table ponto.correcao is 'Corrections of punches. Rows are added, never changed or removed.';
comment on column ponto.correcao.id is
    'Idempotency key: chosen, or derived from the correction; a UUIDv8 that begins with c, unlike all ids of batida';
comment on column ponto.correcao.usuario_id is 'Employee';
comment on column ponto.correcao.tipo is
    'inclusao: a punch that was forgotten; desconsideracao: a punch or an inclusao does not count; anulacao: an earlier '
    'inclusao or desconsideracao is undone';
comment on column ponto.correcao.ponto is 'inclusao: when the employee should have punched; otherwise null';
comment on column ponto.correcao.alvo is
    'desconsideracao: id in batida, or of an inclusao; anulacao: id of the correction; inclusao: null';
comment on column ponto.correcao.motivo is 'Reason';
comment on column ponto.correcao.autor is 'Author, verified by AWS or PostgreSQL';
comment on column ponto.correcao.criada_em is 'When the row was written';

create index on ponto.correcao (usuario_id);
create index on ponto.correcao (alvo, tipo); -- finds the correction that undoes another

create function ponto.correcao_append_only() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception '% refused: rows of correcao are never changed or removed', tg_op;
end
$$;

comment on function ponto.correcao_append_only is 'Refuses to change or remove a correction';

create trigger append_only before update or delete or truncate on ponto.correcao
for each statement execute function ponto.correcao_append_only();
