-- Which punches a report reads. These functions, as all that follow, are plain SQL without settings of their own, so
-- that the planner sees through them to the indexes.

-- Not "usuario is null or", of which no index can make use where the number is no literal.
create or replace function ponto.do_usuario(usuario_id bigint, usuario bigint) returns boolean
language sql immutable parallel safe
return usuario_id >= coalesce(usuario, '-9223372036854775808'::bigint)
    and usuario_id <= coalesce(usuario, 9223372036854775807);

comment on function ponto.do_usuario is 'Whether usuario_id is the employee usuario, who is (null) anybody';

-- A working day begins up to a day after its date does, and local times are less than a day from UTC.
create or replace function ponto.antes_do_dia(dia date) returns timestamptz
language sql immutable parallel safe
return coalesce((dia - 1)::timestamp at time zone 'UTC', '-infinity');

create or replace function ponto.depois_do_dia(dia date) returns timestamptz
language sql immutable parallel safe
return coalesce((dia + 3)::timestamp at time zone 'UTC', 'infinity');

comment on function ponto.antes_do_dia is
    'An instant at or before all of a working day, whatever its time zone and cut-off; null: before all days';
comment on function ponto.depois_do_dia is
    'An instant after all of a working day, whatever its time zone and cut-off; null: after all days';

-- `momento` is the instant of which a report is; null: now. Rows are only ever added, with the instant of their writing, so
-- that those of then are still there.
create or replace function ponto.escrita_ate(escrita_em timestamptz, momento timestamptz) returns boolean
language sql immutable parallel safe
return momento is null or escrita_em <= momento;

comment on function ponto.escrita_ate is 'Whether a row that was written at escrita_em was there at momento, or (null) is now';

-- By the index on week and employee.
create or replace function ponto.batidas_lidas_do_empregado(usuario bigint, de date, ate date) returns setof ponto.batida_lida
language sql stable parallel safe
begin atomic
    select id, usuario_id, ponto, dispositivo, enviado, recebida_em, gravada_em
    from ponto.batida
    where usuario_id = usuario
        and ponto.semana(ponto) = any(array(select semana from ponto.semanas(ponto.antes_do_dia(de), ponto.depois_do_dia(ate)) as semana));
end;

-- By the index on ponto. From the beginning on it is the view jornada, of which a condition names an employee: by the other.
create or replace function ponto.batidas_lidas_de_todos(de date, ate date) returns setof ponto.batida_lida
language sql stable parallel safe
begin atomic
    select id, usuario_id, ponto, dispositivo, enviado, recebida_em, gravada_em
    from ponto.batida
    where ponto >= ponto.antes_do_dia(de)
        and ponto < ponto.depois_do_dia(ate)
        and (
            de > '-infinity'
            or ponto.semana(ponto) = any(array(select semana from ponto.semanas('-infinity', ponto.depois_do_dia(ate)) as semana))
        );
end;

-- Which of the two it is, the planner sees before it plans.
create or replace function ponto.batidas_lidas(de date, ate date, usuario bigint, momento timestamptz) returns setof ponto.batida_lida
language sql stable parallel safe
begin atomic
    select *
    from ponto.batidas_lidas_do_empregado(usuario, de, ate)
    where recebida_em is null or ponto.escrita_ate(gravada_em, momento)
    union all
    select *
    from ponto.batidas_lidas_de_todos(de, ate)
    where usuario is null and (recebida_em is null or ponto.escrita_ate(gravada_em, momento));
end;

comment on function ponto.batidas_lidas_do_empregado is
    'Rows of batida of an employee: all of the working days from de (null: the first) to ate (null: the last), and some '
    'more';
comment on function ponto.batidas_lidas_de_todos is 'The same of all employees';
comment on function ponto.batidas_lidas is
    'The same of one employee or (null) of all, as far as they were there at an instant (null: now); those of the first '
    'version were at every instant';
