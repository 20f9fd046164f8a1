"""The server that `make run` starts."""

import os
import signal
import tempfile
import time
from pathlib import Path

from local import postgres


def test_a_server_that_dies_is_seen_to_be_dead() -> None:
    with tempfile.TemporaryDirectory(prefix="ponto-") as folder:  # not pytest's: the path of a socket has to be short
        data = Path(folder) / "data"
        server = postgres.start(data)
        assert server.is_running()

        os.kill(server.server.get_pid() or 0, signal.SIGKILL)

        deadline = time.monotonic() + 10
        while server.is_running():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        server.stop()  # no matter
