-- One row; null without an employer.
select (select identificacao from ponto.empregador) as identificacao;
