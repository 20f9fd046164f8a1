"""ponto plan: what a peak does to the queue, and what a month costs."""
