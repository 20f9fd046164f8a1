-- Functions that convert the local times of new corrections.

create or replace function ponto.instantes_locais(local timestamp, zona text) returns timestamptz[]
language sql stable parallel safe begin atomic
    -- Tries the zone's offsets a day before and a day after, because the clocks may change in between.
    select array(
        select distinct instante
        from unnest(array[-24, 24]) as horas
            cross join lateral (values (local at time zone zona + make_interval(hours => horas))) as perto (outro)
            cross join lateral (
                values (local at time zone 'UTC' - (outro at time zone zona - outro at time zone 'UTC'))
            ) as candidato (instante)
        where instante at time zone zona = local
        order by instante
    );
end;

comment on function ponto.instantes_locais is
    'Instants of a local time in a zone: two if a change of the clocks repeats it, none if one skips it';

create or replace function ponto.um_instante(instantes timestamptz[], local timestamp, zona text) returns timestamptz
language plpgsql stable parallel safe set search_path = pg_catalog, pg_temp as $$
declare
    escrita constant text := to_char(local, 'YYYY-MM-DD"T"HH24:MI');
    com_deslocamento constant text := 'YYYY-MM-DD"T"HH24:MITZH:TZM';
begin
    if cardinality(instantes) = 1 then
        return instantes[1];
    elsif cardinality(instantes) = 0 then
        raise exception '% does not exist in %, where the clocks change: give the offset of the intended time',
            escrita, zona
        using errcode = 'check_violation';
    end if;
    raise exception '% occurs twice in %, where the clocks change: give the offset, as % or %',
        escrita, zona, to_char(instantes[1], com_deslocamento), to_char(instantes[2], com_deslocamento)
    using errcode = 'check_violation';
end
$$;

comment on function ponto.um_instante is 'The only instant of an array; raises an error if it has none or two';

create or replace function ponto.instante_local(usuario bigint, local timestamp) returns timestamptz
language sql stable parallel safe begin atomic
    select ponto.um_instante(ponto.instantes_locais(local, zona), local, zona)
    from (
        values (coalesce((select fuso from ponto.funcionario where usuario_id = usuario), ponto.fuso_padrao()))
    ) as employee (zona);
end;

comment on function ponto.instante_local is
    'The instant of a local time in the employee''s time zone, or else the stage''s; raises an error if a change of the '
    'clocks repeats or skips the time';
