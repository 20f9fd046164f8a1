"""A PostgreSQL server on a Unix socket in a private folder, without a port, so that no other user can connect."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import psutil
import psycopg2
from psycopg2.extras import NamedTupleCursor
from psycopg2.sql import Composable

from tools.kit.files import tail
from tools.local import postgres_programs as programs
from tools.local import socket_folder, unprivileged
from tools.local.errors import LocalError

DATABASE = "pontodb"
USER = "postgres"

# Values of failed statements are personal data, and must not be logged.
LOG_SETTINGS = {
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "ddl",
}
UNSAFE_SETTINGS = {"fsync": "off"}  # for data that need not survive a power cut, as in tests

_BUILTIN_LOCALES_VERSION = 17  # first version with PostgreSQL's builtin locales
_CONFIGURATION = "ponto.conf"
FETCH_SECONDS = 10
_START_SECONDS = 120  # includes the recovery after a crash
# Fast shutdown, immediate shutdown, kill; each with the seconds to wait.
_STOP_STEPS = ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 10))


class Postgres(NamedTuple):
    """A running server."""

    data: Path
    host: str  # the socket's directory

    @property
    def url(self) -> str:
        """URL of the database, for psql and libpq."""
        return f"postgresql://{USER}@/{DATABASE}?host={quote(self.host)}"

    @property
    def log(self) -> Path:
        """Log file of the server."""
        return self.data / "log"

    @property
    def pid(self) -> int:
        """Id of the server's process, which a restart changes.

        Raises:
            LocalError: the server is not running.
        """
        if (pid := _pid(self.data)) is None:
            raise LocalError(f"PostgreSQL is not running on {self.data}; its log is {self.log}")
        return pid

    def is_running(self) -> bool:
        """Return whether the server is running, also if another process restarted it."""
        try:
            return _uses(psutil.Process(self.pid), self.data)
        except (LocalError, psutil.Error):
            return False

    def stop(self) -> None:
        """Stop the server, and keep its data; see `end`."""
        end(self.data)
        if self.host != str(self.data):
            shutil.rmtree(self.host, ignore_errors=True)

    def crash(self) -> None:
        """Stop the server immediately, as in a power failure, without waiting for sessions or writing data."""
        end(self.data, _STOP_STEPS[1:])

    def ensure_running(self) -> None:
        """Start the server if it is not running, and wait until it has recovered.

        Raises:
            LocalError: it does not start.
        """
        if not self.is_running():
            end(self.data)
            _launch(self.data)


def start(data: Path, settings: Mapping[str, str] | None = None) -> Postgres:
    """Start PostgreSQL on the folder `data`, which is created with an empty database if it does not exist.

    Processes that already use the folder are ended first.

    Args:
        data: the data folder; its parent must exist.
        settings: PostgreSQL's settings by name; those of `alter system` take precedence.

    Raises:
        LocalError: it does not start; none of its processes is left.
    """
    data = data.resolve()
    all_settings = {**LOG_SETTINGS, **(settings or {})}
    end(data)
    launcher = unprivileged.find(programs.find("initdb"), data.parent)
    if not data.exists():
        _initialize(data, launcher, sync=all_settings.get("fsync") != "off")
    _require_usable(data, launcher)
    server = Postgres(data, str(data if socket_folder.is_suitable(data) else socket_folder.create()))
    (data / _CONFIGURATION).write_text(_configuration(server.host, all_settings))
    try:
        _launch(data)
        _create_database(server.host)
    except BaseException:  # also Ctrl-C
        server.stop()
        raise
    return server


def attach(data: Path) -> Postgres:
    """Return the server that another process started on the folder `data`; it outlives this process.

    Raises:
        LocalError: none was ever started there, or it crashed and does not start again.
    """
    data = data.resolve()
    host = _last_host(data)
    if host is None:
        raise LocalError(f"No server was started on {data} yet: `make run` starts one.")
    server = Postgres(data, host)
    server.ensure_running()
    return server


def fetch(url: str, statement: str | Composable, values: Sequence[object] | Mapping[str, object]) -> list[Any]:
    """Run a statement on a new connection, and return its rows as named tuples.

    The connection and the statement may each take ten seconds.

    Raises:
        psycopg2.Error: the database does not answer, or refuses the statement.
    """
    connection = psycopg2.connect(
        url,
        hostaddr="",  # overrides PGHOSTADDR
        cursor_factory=NamedTupleCursor,
        connect_timeout=FETCH_SECONDS,
        options=f"-c statement_timeout={FETCH_SECONDS}s",
    )
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def end(data: Path, steps: Iterable[tuple[signal.Signals, int]] = _STOP_STEPS) -> None:
    """End all processes that use the data folder, also suspended ones and those without their server.

    Args:
        data: the data folder; it need not exist.
        steps: signals for the server, each with the seconds to wait for its end.

    Raises:
        LocalError: a process does not end.
    """
    data = data.resolve()
    for number, timeout_seconds in steps:
        deadline = time.monotonic() + timeout_seconds
        processes, pid = list_processes(data), _pid(data)
        server = [process for process in processes if process.pid == pid]
        for process in server or processes:  # without a server, leftover processes of a killed one
            _signal(process, number if server else signal.SIGKILL)
        for process in processes:
            _signal(process, signal.SIGCONT)  # suspended processes would not handle the signal
        while (remaining := list_processes(data)) and time.monotonic() < deadline:
            time.sleep(0.02)
        if not remaining:
            break
    else:
        raise LocalError(
            f"PostgreSQL's process {remaining[0].pid} uses {data} and does not end: kill -9 {remaining[0].pid}"
        )
    # Otherwise the next server takes another process with the same id, or a zombie, for a running server.
    for stale_file in (data / "postmaster.pid", Path(_last_host(data) or data) / f"{socket_folder.SOCKET}.lock"):
        stale_file.unlink(missing_ok=True)


def _pid(data: Path) -> int | None:
    """Return the process id of the folder's server from its file, which may be incomplete; None if there is none."""
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    return pid if pid > 0 else None  # negative: of a single-user server


def list_processes(data: Path) -> list[psutil.Process]:
    """Return the processes that use or create the folder."""
    processes = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it has ended, is a zombie, or belongs to another user
            if _uses(process, data):
                processes.append(process)
    return processes


def _uses(process: psutil.Process, data: Path) -> bool:
    """Return whether a process belongs to the folder's server or creates the folder; psutil raises for zombies."""
    words = process.cmdline()
    # Only absolute paths, as they are started here: psql may have `postgres` as an argument, too.
    program_names = {process.name(), *(Path(word).name for word in words if word.startswith("/"))}
    if "initdb" in program_names and ("-D", str(_unfinished(data))) in pairwise(words):
        return True
    return not program_names.isdisjoint({"postgres", "pg_ctl"}) and Path(process.cwd()) in (data, _unfinished(data))


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        pass
    except psutil.AccessDenied:
        raise LocalError(
            f"PostgreSQL's process {process.pid} belongs to another user. End it as that user, or use another folder."
        ) from None


def _unfinished(data: Path) -> Path:
    return data.with_name(f"{data.name}.new")


def _initialize(data: Path, launcher: unprivileged.Launcher, *, sync: bool) -> None:
    """Create the data folder under another name, and rename it when it is complete."""
    new = _unfinished(data)
    shutil.rmtree(new, ignore_errors=True)
    command = [*launcher.prefix, str(programs.find("initdb")), "-D", str(new), "--username", USER, "--auth", "trust"]
    # The database is the same on every machine, independent of its locales.
    command += ["--encoding", "UTF8", "--locale", "C"]
    if programs.version() >= _BUILTIN_LOCALES_VERSION:
        command += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
    if not sync:
        command.append("--no-sync")
    result = _run(command, data.parent)
    if result.returncode:
        raise LocalError(f"PostgreSQL's data folder {data} could not be created:\n{result.stderr or result.stdout}")
    new.rename(data)


def _run(words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of PostgreSQL, which Ctrl-C does not reach."""
    return subprocess.run(
        words,
        cwd=folder,
        env=programs.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        start_new_session=True,
        check=False,
    )


def _require_usable(data: Path, launcher: unprivileged.Launcher) -> None:
    file = data / "PG_VERSION"
    if not file.is_file() or file.read_text().strip() != str(programs.version()):
        raise LocalError(
            f"{data} is not a data folder of PostgreSQL {programs.version()}. Remove it, or choose another with "
            "--state."
        )
    owner = os.geteuid() if launcher.owner is None else launcher.owner
    if data.stat().st_uid != owner:  # for example, root has created it with another launcher
        raise LocalError(
            f"{data} belongs to another user. Choose another folder with --state, or run: "
            f"chown -R {owner} {shlex.quote(str(data))}"
        )
    if launcher.owner and stat.S_IMODE(data.parent.stat().st_mode) & 0o077:
        raise LocalError(
            f"PostgreSQL runs as user {launcher.owner} instead of root, and that user's other programs could read "
            f"{data.parent}. Run: chmod 700 {data.parent}"
        )


def _last_host(data: Path) -> str | None:
    try:
        settings = (data / _CONFIGURATION).read_text()
    except FileNotFoundError:
        return None
    match = re.search(r"""^unix_socket_directories = '"(.+)"'$""", settings, re.MULTILINE)
    return match[1] if match else None


def _configuration(host: str, settings: Mapping[str, str]) -> str:
    fixed = {
        "listen_addresses": "",
        "port": "5432",
        "unix_socket_directories": f'"{host}"',
        "unix_socket_permissions": "0700",
        # On Linux, posix uses /dev/shm, which is small in containers; on macOS, sysv memory is too small.
        "dynamic_shared_memory_type": "sysv" if sys.platform == "linux" else "posix",
    }
    lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in (fixed | dict(settings)).items()]
    return "\n".join(
        ("# Written at each start; use `alter system` for other settings.", "include 'postgresql.conf'", *lines, "")
    )


def command(data: Path) -> list[str]:
    """Return the command that starts the server of a data folder; run it in that folder.

    The server outlives the command, and is not in the terminal's process group.

    Raises:
        LocalError: this is root, and no other user can run the server here.
    """
    prefix = unprivileged.find(programs.find("initdb"), data.parent).prefix
    words = f"start -D . -l log -t {_START_SECONDS} --silent".split()
    return [*prefix, str(programs.find("pg_ctl")), *words, "-o", f"-c config_file={_CONFIGURATION}"]


def _launch(data: Path) -> None:
    result = _run(command(data), data)
    if result.returncode:
        end(data)  # it may still be starting
        log = data / "log"
        raise LocalError(f"PostgreSQL did not start: {result.stderr.strip()}\nIts log, {log}, ends:\n{tail(log)}")


def _create_database(host: str) -> None:
    # Overrides PGHOSTADDR and PGPORT.
    connection = psycopg2.connect(host=host, hostaddr="", port=5432, user=USER, dbname="postgres")
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("select from pg_database where datname = %s", [DATABASE])
        if cursor.rowcount == 0:
            cursor.execute(f"create database {DATABASE}")
