"""ponto load: employees, for the reports, and their documents, for the import."""
