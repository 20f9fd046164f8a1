"""ponto plan: forecast of the peak, its tightest limit, and a month's bill."""
