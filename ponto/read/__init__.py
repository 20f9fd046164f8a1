"""The function `read`: its catalogue of statements, and the transfer format of their rows."""
