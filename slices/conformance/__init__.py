"""`ponto conformance`: tests of clients against the contract."""
