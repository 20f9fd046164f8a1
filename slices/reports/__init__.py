"""Slice of the reports: time cards, totals, exceptions, changes, gaps and the peak, in each employee's time zone."""
