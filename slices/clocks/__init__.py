"""Files of hardware clocks (README.md)."""
