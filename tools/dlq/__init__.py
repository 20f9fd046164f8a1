"""ponto dlq: the dead letters of a deployment."""
