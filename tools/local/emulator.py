"""The AWS emulator, as a child process that listens on the loopback address only, behind the guard."""

import base64
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import psutil
import urllib3

from tools.kit import local_stack
from tools.kit.files import tail
from tools.kit.project import ROOT
from tools.kit.stopping import Stopped
from tools.local import saved
from tools.local.errors import LocalError, UnsavedError

HOST = "127.0.0.1"
# Those that serverless.yml uses, and ecr, where `sls remove` looks for images: it starts fast and opens no other port.
_SERVICES = (
    "apigateway,cloudformation,cloudwatch,cognito-idp,ec2,ecr,iam,kms,lambda,logs,s3,secretsmanager,sns,sqs,ssm,sts"
)
_MODULE = "tools.local.serve"
_START = 30  # s
_CLOSE = 2  # s that a process which was killed may take to give up its port

PrintStatus = Callable[[str], None]

KeepTrying = Callable[[str], bool]
"""Called all the time while not everything is saved, with a sentence on what is missing; returns whether to wait on."""


class Emulator(NamedTuple):
    """A running emulator."""

    process: subprocess.Popen[bytes]
    port: int
    state: Path
    log: Path
    key: str  # the access key id that the guard admits

    @property
    def url(self) -> str:
        """The address of every AWS call."""
        return f"http://{HOST}:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return the environment of processes that must reach this emulator and never AWS."""
        return environment(self.url, self.key)

    def client(self, service: str) -> Any:
        """Make a boto3 client of it, for example "sqs"."""
        session: Any = local_stack.session_of(self.key)
        return session.client(service, endpoint_url=self.url)

    def is_running(self) -> bool:
        """Return whether the process lives."""
        return self.process.poll() is None

    def stop(
        self,
        print_status: PrintStatus = lambda _: None,
        keep_trying: KeepTrying = lambda _: False,
        labels: Mapping[str, str] = MappingProxyType({}),
        stalled_seconds: float = 60,
        seconds_between_lines: float = 2,
    ) -> None:
        """Make it save its state (queues, functions, API) and end, with the workers it started.

        The queues may take as long as it works on them; all else takes some seconds. What takes long is printed, and
        that uploaded files were not imported to the end: the next run does not go on with them.

        Args:
            print_status: called with what is being done.
            keep_trying: called while not everything is saved. The emulator is killed when it returns false.
            labels: what the messages of a queue are, by the queue's name.
            stalled_seconds: without work, after which the save is given up.
            seconds_between_lines: of progress.

        Raises:
            UnsavedError: not everything is saved; it says what is missing.
        """
        if not self.is_running():
            return
        with saved.open_reports(self.state) as descriptor:
            reports = _Reports(descriptor, self.state, labels, seconds_between_lines)
            _end(psutil.Process(self.process.pid), print_status, reports, stalled_seconds, keep_trying)
            reports.receive()
        if count := reports.last.unfinished_files:
            print_status(
                f"Uploaded files that were not imported to the end: {count}, those without a summary.json in results/. "
                "Put them into the bucket again."
            )
        if self.process.wait() or saved.unsaved_since(self.state):
            raise UnsavedError(
                f"Not everything could be saved. {reports.describe()} What was saved before stays. "
                f"The log, {self.log}, ends:\n{tail(self.log)}"
            )


class _Reports:
    """Reports of a stopping emulator on what it has saved."""

    def __init__(
        self,
        descriptor: int | None,
        state: Path,
        labels: Mapping[str, str],
        seconds_between_lines: float,
        leftover_pid: int | None = None,
    ) -> None:
        """Read nothing yet.

        Args:
            labels: what the messages of a queue are, by the queue's name.
            seconds_between_lines: of progress.
            leftover_pid: the process, if a run that was killed started it.
        """
        self.seconds_between_lines = seconds_between_lines
        self.leftover_pid = leftover_pid
        self.last = saved.Report()
        self._descriptor = descriptor
        self._state = state
        self._labels = labels

    def receive(self) -> bool:
        """Read what has come; return whether something has."""
        report = saved.read_report(self._descriptor)
        if report and not (self.leftover_pid and report.is_complete):  # once complete, it has nothing left to name
            self.last = report
        return report is not None

    def describe(self) -> str:
        """Return a sentence on what is not saved."""
        missing = self.last.describe(self._labels) or f"what it was given since {saved.unsaved_since(self._state)}"
        head = "Not saved:"
        if self.leftover_pid:
            head = f"Process {self.leftover_pid}, the emulator of a run that was killed, has not saved"
        return f"{head} {missing}; {self._free_space()}."

    def describe_progress(self, seconds: float) -> str:
        """Return the line that is printed while all goes well, or while a leftover emulator tries."""
        if self.leftover_pid:
            return (
                f"{self.describe()} It has tried for {seconds:.0f} s, and tries again each second: if the disk is "
                "full, free some space. Ctrl-C ends this command, and that process goes on."
            )
        return f"saving queues, functions and the rest, for {seconds:.0f} s so far; {self._free_space()}"

    def _free_space(self) -> str:
        return f"{shutil.disk_usage(self._state).free / 1_000_000:,.1f} MB are free in {self._state}"


def environment(url: str | None = None, key: str = "none") -> dict[str, str]:
    """Return the environment of processes that must never reach AWS, but an emulator of this URL and access key id."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DB_", "LOCAL_"))}
    kept |= {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "none", "AWS_REGION": local_stack.REGION}
    return kept | {"AWS_ENDPOINT_URL": url} if url else kept


def isolate() -> None:
    """Keep this process from reaching AWS, whatever the shell is configured for."""
    safe = environment()
    os.environ.clear()
    os.environ.update(safe)


def make_key() -> str:
    """Make the access key id of one run: whoever knows it may administer the emulator.

    It begins with letters, for the emulator takes twelve digits for an account's number.
    """
    return f"LOCAL{base64.b32encode(secrets.token_bytes(10)).decode()[:15]}"


def start(port: int, state: Path, log: Path) -> Emulator:
    """Start it and wait until it answers.

    `state` is kept for the next time: queues and what is in them outlive a stop. The log has the functions' lines too.

    Raises:
        LocalError: it did not come up; its log says why.
    """
    key = make_key()
    scratch = state / "tmp"  # the functions' unpacked code; what a killed emulator left goes now
    settings = {
        "MINISTACK_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "SERVICES": _SERVICES,
        "IOT_MTLS_ENABLED": "0",  # it would listen on every address
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(saved.folder(state)),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(state / "s3"),
        "TMPDIR": str(scratch),
        "AWS_SESSION_TOKEN": key,  # passed on to functions, whose access key id it makes the account's number
    }
    if scratch.exists():
        shutil.rmtree(scratch)
    state.mkdir(mode=0o700, exist_ok=True)
    state.chmod(0o700)
    scratch.mkdir(mode=0o700)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", _MODULE, str(port), str(state)],
            cwd=ROOT,
            env=environment(key=key) | settings,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            umask=0o077,
            start_new_session=True,  # Ctrl-C is ours: it ends after it has been asked to
        )
    emulator = Emulator(process, port, state, log, key)
    try:
        _wait(emulator)
    except BaseException:  # Ctrl-C meanwhile, too
        process.kill()  # nothing has been changed yet
        process.wait()
        saved.mark_clean(state)
        raise
    return emulator


def _wait(emulator: Emulator) -> None:
    deadline = time.monotonic() + _START
    while not _answers(emulator):
        if not emulator.is_running() or time.monotonic() > deadline:
            raise LocalError(f"The emulator did not start; its log, {emulator.log}, ends:\n{tail(emulator.log)}")
        time.sleep(0.05)


def end_leftover(state: Path, print_status: PrintStatus = lambda _: None, seconds_between_lines: float = 10) -> None:
    """End emulators that outlived the run that started them (which was killed and could not).

    They are found by their command line, which names the folder. They save what they hold, and end. `Stopped` ends the
    wait for that; the emulator goes on trying, so that nothing is lost.

    Raises:
        LocalError: one is another user's.
        UnsavedError: the wait was stopped before everything was saved.
    """
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or [""]  # None: somebody hides it
        if _MODULE in words and words[-1] == str(state):
            try:
                with saved.open_reports(state) as descriptor:
                    reports = _Reports(descriptor, state, {}, seconds_between_lines, process.pid)
                    _end(process, print_status, reports)
            except Stopped:
                raise UnsavedError(
                    f"{reports.describe()} It goes on trying each second, and ends once all is saved. Free some space "
                    f"and repeat the command. `kill -9 {process.pid}` ends it and loses what is not saved."
                ) from None
            except psutil.AccessDenied:
                raise LocalError(
                    f"An emulator of {process.username()} still runs on {state}, as process {process.pid}: end that "
                    "one, or choose another folder with --state"
                ) from None


def _end(
    process: psutil.Process,
    print_status: PrintStatus,
    reports: _Reports,
    stalled_seconds: float = 60,
    keep_trying: KeepTrying = lambda _: True,
) -> None:
    """Terminate a process, and wait as long as it works: it uses time of the CPU, or reports."""
    began = last = printed = time.monotonic()
    worked = None
    try:
        process.terminate()
        process.resume()  # it may be frozen
        while process.status() != psutil.STATUS_ZOMBIE:
            times = process.cpu_times()
            if reports.receive() or times != worked:
                worked, last = times, time.monotonic()
            is_failing = bool(reports.last.services)
            # A file is complete or not there: nothing is saved by halves.
            if time.monotonic() > last + stalled_seconds or (is_failing and not keep_trying(reports.describe())):
                process.kill()
            if (reports.leftover_pid or not is_failing) and time.monotonic() > printed + reports.seconds_between_lines:
                printed = time.monotonic()
                print_status(reports.describe_progress(printed - began))
            time.sleep(0.05)
    except psutil.NoSuchProcess:
        pass
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # what it had started just then


def require_free(port: int) -> None:
    """Raise a LocalError when something listens on the port."""
    deadline = time.monotonic() + _CLOSE
    while True:
        try:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((HOST, port))
        except OSError as error:
            if time.monotonic() > deadline:
                raise LocalError(
                    f"Port {port} is in use ({error.strerror}). End what listens there, or choose another: "
                    f'make run ARGS="--port {port + 1}"'
                ) from None
            time.sleep(0.05)
        else:
            return


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _answers(emulator: Emulator) -> bool:
    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={emulator.key}/"}
    try:
        answer = urllib3.request("GET", f"{emulator.url}/_ministack/health", headers=headers, retries=False, timeout=1)
    except urllib3.exceptions.HTTPError:
        return False
    return answer.status == HTTPStatus.OK
