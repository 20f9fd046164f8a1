"""ponto load: employees, for the reports; slices bring other tables."""
