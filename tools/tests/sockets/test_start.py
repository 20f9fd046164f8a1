"""Start of the local stack after a run that was killed, while its watchdog still ends its processes."""

import fcntl
import socket
import subprocess
from pathlib import Path

import pytest

from tools.local import emulator, stack
from tools.local.errors import LocalError


def test_start_waits_for_the_watchdog_of_a_killed_run(tmp_path: Path) -> None:
    killed = subprocess.Popen(["true"])
    killed.wait()
    (tmp_path / "lock").write_text(str(killed.pid))
    with (tmp_path / "lock").open() as watchdogs_lock, socket.socket() as listener:
        fcntl.flock(watchdogs_lock, fcntl.LOCK_EX)
        listener.bind((emulator.HOST, 0))
        listener.listen()
        port = listener.getsockname()[1]

        def unlock(_: str) -> None:
            fcntl.flock(watchdogs_lock, fcntl.LOCK_UN)

        with pytest.raises(LocalError, match="cannot be used"), stack.run_local_stack(tmp_path, port, unlock):
            pass
