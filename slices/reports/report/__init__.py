"""`ponto report`: time cards, totals, exceptions, changes, gaps and cut-offs."""
