"""`ponto load employees`: fills the table of employees from a CSV file."""
