"""The drain, which consumes the queue of punches, and the code that other functions share with it."""

# Version of the whole project; `make docs` copies it to other files.
__version__ = "1.0.0-rc.1"
