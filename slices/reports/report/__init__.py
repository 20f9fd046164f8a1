"""`ponto report`: time cards, totals, exceptions, changes, gaps, cut-offs and the peak."""
