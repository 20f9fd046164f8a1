"""The error that ends a command."""


class CommandError(Exception):
    """A command cannot do what it was asked; the message says what was wrong and what to do."""

    def __init__(self, message: str, status: int = 2) -> None:
        """Create an error with an exit status: 1, not all of it was done; 2, the request or the target is wrong."""
        super().__init__(message)
        self.status = status
