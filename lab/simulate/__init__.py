"""`make simulate`: the real handler drains a year of punches under a simulated clock, queue and network."""
