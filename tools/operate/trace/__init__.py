"""ponto trace: find a punch."""
