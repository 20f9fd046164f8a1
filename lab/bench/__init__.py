"""What the project's own code does, measured; no test, no claim without it."""
