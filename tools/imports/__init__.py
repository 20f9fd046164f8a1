"""ponto import: the punches of a file, sent through the API."""
