"""ponto plan: rows a second, time to drain a peak, and a month's bill."""
