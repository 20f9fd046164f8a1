"""ponto load: employees, for the reports."""
