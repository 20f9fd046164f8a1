-- Which punches a report reads. These functions, as all that follow, are plain SQL without settings of their own, so
-- that the planner sees through them to the indexes.

create or replace function usuario_reservado() returns bigint
language sql immutable parallel safe
return 9007199254740991;

comment on function usuario_reservado is 'The employee for whom a deployment tries itself, and whom no report shows';

-- Not "usuario is null or", of which no index can make use where the number is no literal.
create or replace function do_usuario(usuario_id bigint, usuario bigint) returns boolean
language sql immutable parallel safe
return usuario_id >= coalesce(usuario, '-9223372036854775808'::bigint)
    and usuario_id <= coalesce(usuario, 9223372036854775807);

comment on function do_usuario is 'Whether usuario_id is the employee usuario, who is (null) anybody';

-- A working day begins up to a day after its date does, and local times are less than a day from UTC.
create or replace function antes_do_dia(dia date) returns timestamptz
language sql immutable parallel safe
return (dia - 1)::timestamp at time zone 'UTC';

create or replace function depois_do_dia(dia date) returns timestamptz
language sql immutable parallel safe
return (dia + 3)::timestamp at time zone 'UTC';

comment on function antes_do_dia is 'An instant at or before all of a working day, whatever its time zone and cut-off';
comment on function depois_do_dia is 'An instant after all of a working day, whatever its time zone and cut-off';

revoke execute on function usuario_reservado, do_usuario, antes_do_dia, depois_do_dia from public;
grant execute on function usuario_reservado, do_usuario, antes_do_dia, depois_do_dia to ponto_reports;
