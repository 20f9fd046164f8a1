"""Error with which a command fails."""


class CommandError(Exception):
    """A command failed; the message says what is wrong and what to do."""

    def __init__(self, message: str, status: int = 2) -> None:
        """Create an error with the exit status 1 (partly done) or 2 (the request or the deployment is wrong)."""
        super().__init__(message)
        self.status = status
