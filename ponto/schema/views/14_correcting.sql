-- What writing a correction needs besides the tables.

create or replace function instante_local(usuario bigint, local timestamp) returns timestamptz
language sql stable parallel safe
return local at time zone coalesce((select fuso from funcionario where usuario_id = usuario), fuso_padrao());

comment on function instante_local is 'The instant of a local time in the employee''s time zone, or the stage''s';

revoke execute on function instante_local from public;
grant execute on function instante_local, fuso_padrao, semana, semanas to ponto_corrections, ponto_correctors;
-- The list of corrections.
grant execute on function
    usuario_reservado, do_usuario, primeiro_dia, ultimo_dia, hora_local, escrita_ate, correcoes_sem_nome
to ponto_correctors;
