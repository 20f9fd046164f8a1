-- The stage's time zone, in which a time without an offset is local.

create or replace function ponto.fuso_padrao() returns text
language sql stable parallel safe
return coalesce(
    (
        select split_part(setting, '=', 2)
        from pg_db_role_setting
            join pg_database on pg_database.oid = setdatabase
            cross join unnest(setconfig) as setting
        where datname = current_database() and setrole = 0 and setting ilike 'timezone=%'
    ),
    'UTC'
);

comment on function ponto.fuso_padrao is
    'The stage''s time zone: the setting of the database, not of the session; UTC if the database has none';
