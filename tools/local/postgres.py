"""A PostgreSQL server on a Unix socket in a private folder: no port, and no other user reaches it."""

import contextlib
import os
import re
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

from tools.local import postgres_programs as programs
from tools.local import socket_folder, unprivileged
from tools.local.errors import LocalError

DATABASE = "pontodb"
USER = "postgres"

# A failed statement's values are personal data, and stay out of the log.
LOG_SETTINGS = {
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "ddl",
}
UNSAFE_SETTINGS = {"fsync": "off"}  # for data that need not survive a power cut: a test's

_BUILTIN_LOCALES_VERSION = 17  # the version from which on PostgreSQL has locales of its own
_CONFIGURATION = "ponto.conf"
FETCH_SECONDS = 10
_START_SECONDS = 120  # after a crash it first writes what its log has
_STOP_STEPS = (
    (signal.SIGINT, 30),
    (signal.SIGQUIT, 10),
    (signal.SIGKILL, 10),
)  # s: fast, then at once, then the kernel's


class Postgres(NamedTuple):
    """A server; stop it with `stop`."""

    data: Path
    host: str  # the socket's directory

    @property
    def url(self) -> str:
        """The database's URL, for psql and for libpq."""
        return f"postgresql://{USER}@/{DATABASE}?host={quote(self.host)}"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.data / "log"

    @property
    def pid(self) -> int:
        """The server's process: a restart changes it.

        Raises:
            LocalError: it does not run.
        """
        if (found := _pid(self.data)) is None:
            raise LocalError(f"PostgreSQL does not run on {self.data}; its log is {self.log}")
        return found

    def is_running(self) -> bool:
        """Return whether the server's process lives, also one that another process restarted."""
        try:
            return _uses(psutil.Process(self.pid), self.data)
        except (LocalError, psutil.Error):
            return False

    def stop(self) -> None:
        """Stop the server, keeping its data; see `end`."""
        end(self.data)
        if self.host != str(self.data):
            shutil.rmtree(self.host, ignore_errors=True)

    def crash(self) -> None:
        """End the server at once, as if the power had failed: nobody is waited for, nothing is written."""
        end(self.data, _STOP_STEPS[1:])

    def restart(self) -> None:
        """Start the server that crashed, and wait until it has recovered. One that runs is left alone.

        Raises:
            LocalError: it does not start.
        """
        if not self.is_running():
            end(self.data)
            _launch(self.data)


def start(data: Path, settings: Mapping[str, str] | None = None) -> Postgres:
    """Start PostgreSQL on the folder `data`, made with an empty database the first time.

    Whatever runs on the folder, in whatever state, is ended before.

    Args:
        data: the data folder; its parent exists, and is the only one of its parents that is written to.
        settings: PostgreSQL's, by name, where its own are not wanted. `alter system` wins over them.

    Raises:
        LocalError: it does not start; no process of its is left.
    """
    data = data.resolve()
    wanted = {**LOG_SETTINGS, **(settings or {})}
    end(data)
    launcher = unprivileged.find(programs.find("initdb"), data.parent)
    if not data.exists():
        _initialize(data, launcher, sync=wanted.get("fsync") != "off")
    _require_usable(data, launcher)
    server = Postgres(data, str(data if socket_folder.is_suitable(data) else socket_folder.create()))
    (data / _CONFIGURATION).write_text(_configuration(server.host, wanted))
    try:
        _launch(data)
        _create_database(server.host)
    except BaseException:  # Ctrl-C too
        server.stop()
        raise
    return server


def attach(data: Path) -> Postgres:
    """Return the server that another process started on the folder `data`; it outlives this process.

    Raises:
        LocalError: none was ever started there, or it died and does not start again.
    """
    data = data.resolve()
    host = _last_host(data)
    if host is None:
        raise LocalError(f"No server was started on {data} yet: `make run` starts one.")
    server = Postgres(data, host)
    server.restart()
    return server


def fetch(url: str, statement: str | Composable, values: Sequence[object] | Mapping[str, object]) -> list[Any]:
    """Return the rows of a statement as named tuples, on a connection opened for it, each within ten seconds.

    Raises:
        psycopg2.Error: the database does not answer, or refuses.
    """
    connection = psycopg2.connect(
        url,
        hostaddr="",  # not where PGHOSTADDR points
        cursor_factory=NamedTupleCursor,
        connect_timeout=FETCH_SECONDS,
        options=f"-c statement_timeout={FETCH_SECONDS}s",
    )
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def end(data: Path, steps: Iterable[tuple[signal.Signals, int]] = _STOP_STEPS) -> None:
    """End every process that uses the data folder: running, frozen, stopping, or without the server it belonged to.

    Args:
        data: the data folder; it need not exist.
        steps: the signals that a server gets, each with the seconds that it may take to end.

    Raises:
        LocalError: a process does not end.
    """
    data = data.resolve()
    for number, patience in steps:
        deadline = time.monotonic() + patience
        found, pid = _processes(data), _pid(data)
        server = [process for process in found if process.pid == pid]
        for process in server or found:  # without it they are what a killed one left; nothing is lost with them
            _signal(process, number if server else signal.SIGKILL)
        for process in found:
            _signal(process, signal.SIGCONT)  # frozen ones could not act on it
        while (left := _processes(data)) and time.monotonic() < deadline:
            time.sleep(0.02)
        if not left:
            break
    else:
        raise LocalError(f"PostgreSQL's process {left[0].pid} uses {data} and does not end: kill -9 {left[0].pid}")
    # Else the next one believes it runs, when another program got that process id, or a zombie keeps it.
    for stale in (data / "postmaster.pid", Path(_last_host(data) or data) / f"{socket_folder.SOCKET}.lock"):
        stale.unlink(missing_ok=True)


def _pid(data: Path) -> int | None:
    """Return the process of the folder's server, as its own file has it, which is written in steps."""
    try:
        found = int((data / "postmaster.pid").read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    return found if found > 0 else None  # below: of a server of a single user, which serves nobody


def _processes(data: Path) -> list[psutil.Process]:
    """Find what uses the folder, or makes it."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # ended meanwhile, a zombie, or another user's
            if _uses(process, data):
                found.append(process)
    return found


def _uses(process: psutil.Process, data: Path) -> bool:
    """Return whether a process is of the folder's server, or makes one; of a zombie psutil raises an error."""
    words = process.cmdline()
    # By their paths, as they are started here: a psql in the folder may name a database postgres.
    programs = {process.name(), *(Path(word).name for word in words if word.startswith("/"))}
    if "initdb" in programs and ("-D", str(_unfinished(data))) in pairwise(words):
        return True
    return not programs.isdisjoint({"postgres", "pg_ctl"}) and Path(process.cwd()) in (data, _unfinished(data))


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        pass
    except psutil.AccessDenied:
        raise LocalError(
            f"PostgreSQL's process {process.pid} is another user's: that user has to end it, or give another folder."
        ) from None


def _unfinished(data: Path) -> Path:
    return data.with_name(f"{data.name}.new")


def _initialize(data: Path, launcher: unprivileged.Launcher, *, sync: bool) -> None:
    """Make the data folder, which is there whole or not at all."""
    new = _unfinished(data)
    shutil.rmtree(new, ignore_errors=True)
    command = [*launcher.prefix, str(programs.find("initdb")), "-D", str(new), "--username", USER, "--auth", "trust"]
    # The same on every machine, and no wish of a locale that this one lacks.
    command += ["--encoding", "UTF8", "--locale", "C"]
    if programs.version() >= _BUILTIN_LOCALES_VERSION:
        command += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
    if not sync:
        command.append("--no-sync")
    done = subprocess.run(
        command,
        cwd=data.parent,
        env=programs.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        check=False,
    )
    if done.returncode:
        raise LocalError(f"PostgreSQL's data folder {data} could not be made: {_reason(done.stdout)}")
    new.rename(data)


def _require_usable(data: Path, launcher: unprivileged.Launcher) -> None:
    file = data / "PG_VERSION"
    if not file.is_file() or file.read_text().strip() != str(programs.version()):
        raise LocalError(
            f"{data} is no data folder of PostgreSQL {programs.version()}: remove it, or choose another with --state."
        )
    if launcher.owner is None:
        if data.stat().st_uid != os.geteuid():
            raise LocalError(f"{data} belongs to another user: remove it, or choose another folder with --state.")
    elif data.stat().st_uid != launcher.owner:  # made by root in another way, as in a container with other rights
        for path in (data, *data.rglob("*")):
            os.chown(path, launcher.owner, -1, follow_symlinks=False)
    if launcher.owner and stat.S_IMODE(data.parent.stat().st_mode) & 0o077:
        raise LocalError(
            f"PostgreSQL runs as user {launcher.owner} for root, whose other programs could enter {data.parent}: "
            f"chmod 700 {data.parent}"
        )


def _last_host(data: Path) -> str | None:
    try:
        settings = (data / _CONFIGURATION).read_text()
    except FileNotFoundError:
        return None
    found = re.search(r"""^unix_socket_directories = '"(.+)"'$""", settings, re.MULTILINE)
    return found[1] if found else None


def _configuration(host: str, settings: Mapping[str, str]) -> str:
    ours = {
        "listen_addresses": "",
        "port": "5432",
        "unix_socket_directories": f'"{host}"',
        "unix_socket_permissions": "0700",
        # Linux' other kind are files in /dev/shm, of which a container has little; macOS has too little of this kind.
        "dynamic_shared_memory_type": "sysv" if sys.platform == "linux" else "posix",
    }
    lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in (ours | dict(settings)).items()]
    return "\n".join(("# Written at each start: use `alter system`.", "include 'postgresql.conf'", *lines, ""))


def command(data: Path) -> list[str]:
    """Return the command that starts the server of a data folder, to be run in it.

    The server outlives the command and is in no process group of a terminal's.

    Raises:
        LocalError: this is root, and cannot be anybody else here.
    """
    prefix = unprivileged.find(programs.find("initdb"), data.parent).prefix
    start = [str(programs.find("pg_ctl")), "start", "-D", ".", "-l", "log", "-t", str(_START_SECONDS), "--silent"]
    return [*prefix, *start, "-o", f"-c config_file={_CONFIGURATION}"]


def _launch(data: Path) -> None:
    log = data / "log"
    before = log.stat().st_size if log.exists() else 0
    done = subprocess.run(
        command(data),
        cwd=data,
        env=programs.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        start_new_session=True,  # Ctrl-C is ours
        check=False,
    )
    if done.returncode:
        written = log.read_bytes()[before:].decode(errors="replace") if log.exists() else ""
        end(data)  # it may only be slow
        if "did not start in time" in done.stderr:
            raise LocalError(f"PostgreSQL was not ready after {_START_SECONDS} s; its log is {log}")
        raise LocalError(f"PostgreSQL did not start: {_reason(written or done.stderr)}; its log is {log}")


def _create_database(host: str) -> None:
    # Here and nowhere else, whatever PGHOSTADDR and PGPORT are.
    connection = psycopg2.connect(host=host, hostaddr="", port=5432, user=USER, dbname="postgres")
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("select from pg_database where datname = %s", [DATABASE])
        if cursor.rowcount == 0:
            cursor.execute(f"create database {DATABASE}")


def _reason(output: str) -> str:
    """Return the line that says why it failed."""
    said = re.findall(r"(LOG|FATAL|PANIC|error):\s+(.+)", output)
    for kind, text in said:
        # That a setting is wrong is fatal later, and which one is only logged.
        if kind != "LOG" or "parameter" in text or "syntax error" in text:
            return str(text)
    return (output.strip().splitlines() or ["it printed nothing"])[-1]
