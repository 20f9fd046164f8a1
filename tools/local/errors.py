"""Errors that end `make run`."""

from tools.kit.errors import CommandError


class LocalError(CommandError):
    """The message says what was wrong and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 1)


class UnsavedError(LocalError):
    """The emulator has ended, and not all that it held is saved."""
