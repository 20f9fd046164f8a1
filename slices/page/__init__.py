"""The page for employees: a client of the intake for phones and for a tablet on a wall."""
