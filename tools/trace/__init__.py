"""ponto trace: where a punch is."""
