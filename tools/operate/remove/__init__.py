"""ponto remove: remove a stage, with the contents of its buckets."""
