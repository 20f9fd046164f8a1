-- The roles of the functions that reach the database. The migrations make those that are not there, before all else.
create role ponto_function login; -- stores punches
create role ponto_reader login; -- reads
