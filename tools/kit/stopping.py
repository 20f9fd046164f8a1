"""Signals that stop a command which has to clean up: the first one raises an exception, later ones are ignored."""

import signal
from collections.abc import Callable

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignalError(BaseException):
    """The user pressed Ctrl-C, a SIGTERM arrived, or the terminal was closed."""


def raise_on_first_signal(announce: Callable[[signal.Signals], None]) -> None:
    """Make the first stop signal raise `StopSignalError` in the main thread, and ignore all later ones.

    Args:
        announce: called with the signal first. Its exceptions are not caught, and the terminal may be closed.
    """

    def stop(signal_number: int, _: object) -> None:
        for stop_signal in _SIGNALS:  # a second Ctrl-C must not interrupt the cleanup
            signal.signal(stop_signal, signal.SIG_IGN)
        announce(signal.Signals(signal_number))
        raise StopSignalError

    for stop_signal in _SIGNALS:
        # A SIGHUP that nohup ignores stays ignored. SIGINT does not, because shells ignore it for background jobs.
        if stop_signal != signal.SIGHUP or signal.getsignal(stop_signal) != signal.SIG_IGN:
            signal.signal(stop_signal, stop)
