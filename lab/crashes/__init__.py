"""`make crashes`: how long good punches wait beside messages that crash the function's process."""
