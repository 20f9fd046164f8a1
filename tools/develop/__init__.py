"""Programs that developers run with make."""
