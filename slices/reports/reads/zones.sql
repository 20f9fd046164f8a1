-- Time zones that an employee may have.
select name from pg_timezone_names
