"""`make mutants`: what the tests find when the code is wrong."""
