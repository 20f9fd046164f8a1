"""ponto conformance: whether a client keeps the contract when servers and networks misbehave."""
