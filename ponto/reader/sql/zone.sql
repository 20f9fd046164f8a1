-- The stage's time zone.
select fuso_padrao();
