"""ponto report: time cards, exceptions, cut-offs, totals, and the peak of a day."""
