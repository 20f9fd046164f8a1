"""Import of files of hardware clocks (README.md)."""
