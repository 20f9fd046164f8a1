-- Rows that a report reads. All functions of these files are plain SQL without `set` clauses, so that the planner can
-- inline them and use the indexes.

create or replace function ponto.usuario_reservado() returns bigint
language sql immutable parallel safe
return 9007199254740991;

comment on function ponto.usuario_reservado is 'The employee id of the smoke test of a deployment; reports leave it out';

-- Not "usuario is null or usuario_id = usuario", for which no index is used if the number is a parameter.
create or replace function ponto.do_usuario(usuario_id bigint, usuario bigint) returns boolean
language sql immutable parallel safe
return usuario_id >= coalesce(usuario, '-9223372036854775808'::bigint)
    and usuario_id <= coalesce(usuario, 9223372036854775807);

comment on function ponto.do_usuario is 'Whether usuario_id is the employee usuario; always true if usuario is null';

-- A working day begins at most a day after its date, and local times differ by less than a day from UTC.
create or replace function ponto.antes_do_dia(dia date) returns timestamptz
language sql immutable parallel safe
return coalesce((dia - 1)::timestamp at time zone 'UTC', '-infinity');

create or replace function ponto.depois_do_dia(dia date) returns timestamptz
language sql immutable parallel safe
return coalesce((dia + 3)::timestamp at time zone 'UTC', 'infinity');

comment on function ponto.antes_do_dia is
    'Lower bound of the instants of a working day in any time zone and with any cut-off; null: no bound';
comment on function ponto.depois_do_dia is
    'Upper bound, excluded, of the instants of a working day in any time zone and with any cut-off; null: no bound';

-- `momento` is the instant of a report as of an earlier time; null: now. Rows are only inserted, with the instant of
-- writing, so the rows of an earlier time can still be selected.
create or replace function ponto.escrita_ate(escrita_em timestamptz, momento timestamptz) returns boolean
language sql immutable parallel safe
return momento is null or escrita_em <= momento;

comment on function ponto.escrita_ate is
    'Whether a row that was written at escrita_em existed at momento; always true if momento is null';

-- Uses the index on week and employee.
create or replace function ponto.batidas_lidas_do_empregado(usuario bigint, de date, ate date) returns setof ponto.batida_lida
language sql stable parallel safe
begin atomic
    select id, usuario_id, ponto, dispositivo, enviado, recebida_em, gravada_em
    from ponto.batida
    where usuario_id = usuario
        and ponto.semana(ponto) = any(array(select semana from ponto.semanas(ponto.antes_do_dia(de), ponto.depois_do_dia(ate)) as semana));
end;

-- Uses the index on ponto; if de is -infinity, as in the view jornada, the index on week and employee, because queries
-- of the view have a condition on the employee.
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

-- The planner removes one of the two branches, depending on whether usuario is null.
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
    'Rows of batida of an employee: all rows of the working days from de (null: no start) to ate (null: no end), and some '
    'rows of the days before and after';
comment on function ponto.batidas_lidas_de_todos is 'Like batidas_lidas_do_empregado, for all employees';
comment on function ponto.batidas_lidas is
    'Like batidas_lidas_do_empregado, for one employee or (null) for all, as of an instant (null: now); punches copied '
    'from this project''s first version exist at every instant';
