-- The stage's time zone.
select ponto.fuso_padrao() as name;
