-- Devices whose clocks are wrong.

create or replace function relogios(de date, ate date, desvio interval default '5 minutes') returns setof relogio
language sql stable parallel safe
begin atomic
    select dispositivo, batidas, funcionarios, menor, mediano, maior, primeira, ultima
    from (
        select
            dispositivo,
            count(*)::int as batidas,
            count(distinct usuario_id)::int as funcionarios,
            min(batida_local.desvio) as menor,
            -- Not the average: one punch that was long on its way would spoil it.
            percentile_cont(0.5) within group (order by batida_local.desvio) as mediano,
            max(batida_local.desvio) as maior,
            min(recebida_em) as primeira,
            max(recebida_em) as ultima
        from batida_local
        -- By the queue's clock: the device's, which is asked about, may say 1970.
        where (recebida_em at time zone fuso - corte)::date between de and ate
            and recebida_em >= antes_do_dia(de)
            and recebida_em < depois_do_dia(ate)
            and dispositivo is not null
            and batida_local.desvio is not null
        group by dispositivo
    ) as aparelho
    where greatest(mediano, -mediano) > relogios.desvio
    order by greatest(mediano, -mediano) desc, dispositivo;
end;

comment on function relogios is
    'Devices whose clock was wrong: of the punches received in the working days from de to ate, the median of '
    'recebida_em - enviado is more than desvio away from zero. The widest away come first';

revoke execute on function relogios from public;
grant execute on function relogios to ponto_reports;
