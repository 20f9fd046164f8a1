"""`make interleavings`: every order in which the statements of two programs can meet in PostgreSQL."""
