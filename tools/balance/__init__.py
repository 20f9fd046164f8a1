"""`ponto balance`: the books of a day."""
