-- The roles of the functions that connect to the database. The migration runner creates missing ones first.
create role ponto_drain login; -- stores punches
create role ponto_reader login; -- reads
