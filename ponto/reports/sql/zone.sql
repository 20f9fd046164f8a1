-- The stage's time zone, and the time by the database's clock.
select fuso_padrao(), now();
