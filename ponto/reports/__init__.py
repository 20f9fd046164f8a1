"""What reports read: statements by name, their rows as columns, and the function that runs them."""
