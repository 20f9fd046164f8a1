"""The function `read`: its statements, by name, and the form in which their rows travel."""
