"""make chaos: break the running local stack under load, and prove that nothing is lost."""
