"""Parts of documents and files that are generated from the code by `make docs`; tests check that they are current."""
