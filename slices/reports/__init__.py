"""Reports: time cards, totals, exceptions, changes, gaps and the peak, of employees with names and time zones."""
