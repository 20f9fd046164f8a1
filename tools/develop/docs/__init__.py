"""What follows from the code and stands in files for readers: `make docs` writes it, tests ask if it is current."""
