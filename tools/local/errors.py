"""What stops `make run`, said so that somebody can act on it."""


class LocalError(RuntimeError):
    """The message says what was wrong and what to do."""
