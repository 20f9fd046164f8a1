"""ponto remove: empty a stage's buckets, and remove its stack."""
