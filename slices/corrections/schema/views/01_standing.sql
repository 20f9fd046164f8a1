-- Corrections that stand.

create or replace function correcoes_vigentes(momento timestamptz default null)
returns table (id uuid, usuario_id bigint, tipo text, ponto timestamptz, alvo uuid, motivo text)
language sql stable parallel safe
begin atomic
    select id, usuario_id, tipo, ponto, alvo, motivo
    from correcao
    where escrita_ate(criada_em, momento)
        and not exists (
            select
            from correcao as anulacao
            where anulacao.alvo = correcao.id
                and anulacao.tipo = 'anulacao'
                and escrita_ate(anulacao.criada_em, momento)
        );
end;

comment on function correcoes_vigentes is 'Corrections that are not undone, as of an instant (null: now)';

revoke execute on function correcoes_vigentes from public;
grant execute on function correcoes_vigentes to ponto_reader, ponto_corrections, ponto_correctors;
grant execute on function escrita_ate to ponto_corrections, ponto_correctors;
