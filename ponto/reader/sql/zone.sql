-- The stage's time zone: the database's setting, whatever the session's is; UTC where the database has none.
select coalesce(
    (
        select split_part(setting, '=', 2)
        from pg_db_role_setting
            join pg_database on pg_database.oid = setdatabase
            cross join unnest(setconfig) as setting
        where datname = current_database() and setrole = 0 and split_part(lower(setting), '=', 1) = 'timezone'
    ),
    'UTC'
);
