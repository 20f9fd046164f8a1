"""Slice of the reports: time cards, totals, exceptions, changes and gaps, in each employee's time zone."""
