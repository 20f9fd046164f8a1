"""Stopping a command that has something to undo: it is told once, by an exception, and is not interrupted again."""

import signal
from collections.abc import Callable

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignalError(BaseException):
    """Ctrl-C, SIGTERM, or the terminal was closed."""


def raise_on_first_signal(announce: Callable[[signal.Signals], None]) -> None:
    """Make the first signal to stop raise `StopSignalError` in the main thread, and ignore all that follow.

    Args:
        announce: called first, with the signal; what it raises is not caught, and the terminal may be gone.
    """

    def stop(number: int, _: object) -> None:
        for each in _SIGNALS:  # a second Ctrl-C must not interrupt the undoing
            signal.signal(each, signal.SIG_IGN)
        announce(signal.Signals(number))
        raise StopSignalError

    for number in _SIGNALS:
        # Ignored it is nohup's wish; a SIGINT that is ignored is the shell's, of all that it runs in the background.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)
