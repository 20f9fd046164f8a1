"""`ponto person`: what is kept about an employee."""
