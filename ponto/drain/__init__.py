"""The drain: from a batch of the queue to rows and dead letters."""
