"""Errors that end `make run`."""

from tools.kit.errors import CommandError


class LocalError(CommandError):
    """An error of the local stack; the message says what is wrong and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 1)


class UnsavedError(LocalError):
    """The emulator has ended, and part of its state is not saved."""
