-- To find an employee's punches, whenever they were made.
grant execute on function semana, semanas to ponto_receipts;
