"""What a run that was killed may leave of PostgreSQL; each lasts as long as its `with`, and starting gets over it."""

import contextlib
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psutil

from tests.waiting import started, wait_for
from tools.local import postgres


@contextlib.contextmanager
def _running(_: postgres.Postgres) -> Iterator[None]:
    yield


@contextlib.contextmanager
def _frozen(server: postgres.Postgres) -> Iterator[None]:
    """`make chaos` was killed while the database was frozen."""
    process = psutil.Process(server.pid)
    for each in (process, *process.children()):
        each.suspend()
    yield


@contextlib.contextmanager
def _stopping(server: postgres.Postgres) -> Iterator[None]:
    """It has been told to stop, and one of its processes takes its time."""
    process = psutil.Process(server.pid)
    process.children()[0].suspend()
    process.send_signal(signal.SIGINT)
    yield


@contextlib.contextmanager
def _zombie(server: postgres.Postgres) -> Iterator[None]:
    """It ended, and its parent has not looked."""
    process = psutil.Process(server.pid)
    children = [child for child in postgres._children if child.pid == process.pid]
    postgres._children[:] = [child for child in postgres._children if child not in children]
    process.kill()
    wait_for(lambda: process.status() == psutil.STATUS_ZOMBIE, "the server's end")
    yield
    for child in children:
        child.wait()


@contextlib.contextmanager
def _orphans(server: postgres.Postgres) -> Iterator[None]:
    """The server was killed while one of its processes stood still."""
    process = psutil.Process(server.pid)
    orphan = process.children()[0]
    orphan.suspend()
    process.kill()
    yield
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE


@contextlib.contextmanager
def _reused(server: postgres.Postgres) -> Iterator[None]:
    """Another program has the process id of a server that was killed."""
    files = [server.data / "postmaster.pid", Path(server.host) / ".s.PGSQL.5432.lock"]
    contents = [file.read_text().split("\n", 1)[1] for file in files]
    server.crash()
    with started(["sleep", "infinity"]) as other:
        for file, content in zip(files, contents, strict=True):
            file.write_text(f"{other.pid}\n{content}")
        assert not server.is_running()
        yield
        assert other.poll() is None


@contextlib.contextmanager
def _empty(server: postgres.Postgres) -> Iterator[None]:
    """The disk was full when its process id was written."""
    server.crash()
    (server.data / "postmaster.pid").write_text("")
    (Path(server.host) / ".s.PGSQL.5432.lock").write_text("")
    yield


@contextlib.contextmanager
def _starting(server: postgres.Postgres) -> Iterator[None]:
    """The run was killed before its server, which goes on, had written its process id."""
    server.stop()
    stopped = ["sh", "-c", 'kill -STOP $$; exec "$@"', "sh", *postgres.command(server.data)]
    with started(stopped, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, "it to stand still")
        assert not (server.data / "postmaster.pid").exists()
        yield
        assert process.wait(0) != 0


KINDS: dict[str, Callable[[postgres.Postgres], AbstractContextManager[None]]] = {
    "running": _running,
    "frozen": _frozen,
    "stopping": _stopping,
    "zombie": _zombie,
    "orphans": _orphans,
    "reused process id": _reused,
    "empty process id": _empty,
    "starting": _starting,
}
