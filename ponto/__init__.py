"""Code of the functions: the drain, reading, the schema, and what they share."""

# Version of the whole project; `make docs` copies it to other files.
__version__ = "1.0.0-rc.1"
