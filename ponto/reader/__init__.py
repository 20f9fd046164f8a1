"""The function that reads: statements by name, their rows as columns, and what runs them."""
