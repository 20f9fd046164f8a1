-- replaces: reports/views/04_punches_that_count.sql
-- Corrections that are not undone. The files 01 to 03 together replace that of the reports.

create or replace function ponto.correcoes_vigentes(momento timestamptz default null)
returns table (id uuid, usuario_id bigint, tipo text, ponto timestamptz, alvo uuid, motivo text)
language sql stable parallel safe
begin atomic
    select id, usuario_id, tipo, ponto, alvo, motivo
    from ponto.correcao
    where ponto.escrita_ate(criada_em, momento)
        and not exists (
            select
            from ponto.correcao as undoing
            where undoing.alvo = correcao.id
                and undoing.tipo = 'anulacao'
                and ponto.escrita_ate(undoing.criada_em, momento)
        );
end;

comment on function ponto.correcoes_vigentes is 'Corrections that are not undone, as of an instant (null: now)';
