-- Inserts the missing corrections of the temporary table `back`, in the order in which they were written. An older stage
-- accepted reasons without visible characters: such a correction still counts, so it is inserted with another reason.
do $$
declare
    correction ponto.correcao;
    violated text;
begin
    for correction in select * from back where id not in (select id from ponto.correcao) order by criada_em, id loop
        begin
            insert into ponto.correcao select correction.*;
        exception when check_violation then
            get stacked diagnostics violated = constraint_name;
            if violated <> 'correcao_motivo_visivel' then
                raise;
            end if;
            correction.motivo := 'blank in the older stage';
            insert into ponto.correcao select correction.*;
            raise notice 'correction %: its reason looked empty, and is now: %', correction.id, correction.motivo;
        end;
    end loop;
end
$$;
