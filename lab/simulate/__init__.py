"""`make simulate`: a year of punches in a minute, the real handler under a simulated clock, queue and network."""
