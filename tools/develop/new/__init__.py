"""make new: an intake of another event, as a repository of its own, generated from one declaration."""
