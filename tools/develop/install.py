"""Run an installer for `make setup`, and name in one line what a person can do about Ctrl-C or a missing network.

It runs before any package is installed, so it needs only Python itself.
"""

import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence

# How pip, npm and Python say that the network, or the index behind it, did not answer.
_CAUSE = re.compile(
    r"Connection refused|Connection reset by peer|Temporary failure in name resolution|Name or service not known"
    r"|nodename nor servname provided|Network is unreachable|No route to host|timed out"
    r"|\bE(?:NOTFOUND|AI_AGAIN|CONNREFUSED|CONNRESET|TIMEDOUT|NETUNREACH|HOSTUNREACH)\b"
)


def explain_network(printed: str) -> str | None:
    """Return what to do if a failed installer could not reach its packages over the network, else None.

    Args:
        printed: what the installer printed.
    """
    if not (cause := _CAUSE.search(printed)):
        return None
    return (
        f"no network, or no way through it to the packages ({cause[0]}). "
        "Check the connection, the proxy and the settings of pip and npm, then run make again."
    )


def main(command: Sequence[str]) -> int:
    """Run a command; what it writes to standard error is printed when it has ended, unless one line replaces it.

    Returns:
        Its exit status; 130 after Ctrl-C.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        process = subprocess.Popen(command, stderr=errors)
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        try:
            status = process.wait()
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            process.wait()  # Ctrl-C reached it too: it removes its temporary files
            print("setup: stopped; the next make starts it again", file=sys.stderr)
            return 130
        errors.seek(0)
        printed = errors.read()
    if status and (explained := explain_network(printed)):
        printed = f"setup: {explained}\n"
    sys.stderr.write(printed)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
