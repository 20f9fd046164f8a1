"""ponto dlq: list, redrive, export or purge dead letters; pause the drain."""
