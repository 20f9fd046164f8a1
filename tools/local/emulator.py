"""The AWS emulator, as a child process that listens on the loopback address only, behind the guard."""

import base64
import contextlib
import math
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
from tools.kit.stopping import StopSignalError
from tools.local import saved
from tools.local.errors import LocalError, UnsavedError

HOST = "127.0.0.1"
# Those that serverless.yml uses, and ecr, where `sls remove` looks for images: it starts fast and opens no other port.
_SERVICES = (
    "apigateway,cloudformation,cloudwatch,cognito-idp,ec2,ecr,iam,kms,lambda,logs,s3,secretsmanager,sns,sqs,ssm,sts"
)
_MODULE = "tools.local.serve"
_START_SECONDS = 30  # s
_REPEAT_SECONDS = 10  # between two lines on what is not saved
_CLOSE_SECONDS = 2  # s that a process which was killed may take to give up its port

PrintStatus = Callable[[str], None]

SecondsLeft = Callable[[], float]
"""Called all the time while not everything is saved; returns for how many seconds to wait on."""


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
        session: Any = local_stack.create_session(self.key)
        return session.client(service, endpoint_url=self.url)

    def is_running(self) -> bool:
        """Return whether the process lives."""
        return self.process.poll() is None

    def stop(
        self,
        print_status: PrintStatus = lambda _: None,
        seconds_left: SecondsLeft = lambda: 0,
        labels: Mapping[str, str] = MappingProxyType({}),
        stalled_seconds: float = 60,
        seconds_between_lines: float = 2,
    ) -> None:
        """Make it save its state (queues, functions, API) and end, with the workers it started.

        That may take as long as it works. What takes long is printed, and that uploaded files were not imported to the
        end: the next run does not go on with them.

        Args:
            print_status: called with what is being done.
            seconds_left: called while not everything is saved. The emulator is killed when there are none.
            labels: what the messages of a queue are, by the queue's name.
            stalled_seconds: without work, after which the save is given up.
            seconds_between_lines: of progress.

        Raises:
            UnsavedError: not everything is saved; it says what is missing.
        """
        if not self.is_running():
            return
        ending = _Shutdown(psutil.Process(self.process.pid), self.state, print_status, labels)
        ending.run(seconds_left, stalled_seconds, seconds_between_lines)
        if count := ending.report.unfinished_files:
            print_status(
                f"Uploaded files that were not imported to the end: {count}, those without a summary.json in results/. "
                "Put them into the bucket again."
            )
        if self.process.wait() or saved.unsaved_since(self.state):
            raise UnsavedError(
                f"Not everything could be saved. {ending.describe()} What was saved before stays. "
                f"The log, {self.log}, ends:\n{tail(self.log)}"
            )


class _Shutdown:
    """End of an emulator, which saves what it holds, and reports on that."""

    def __init__(
        self,
        process: psutil.Process,
        state: Path,
        print_status: PrintStatus,
        labels: Mapping[str, str] = MappingProxyType({}),
        *,
        is_leftover: bool = False,
    ) -> None:
        """Do nothing yet; `is_leftover` says that a run which was killed had started it."""
        self.report = saved.SaveReport()  # the latest
        self._process = process
        self._state = state
        self._print_status = print_status
        self._labels = labels
        self._is_leftover = is_leftover

    def run(
        self,
        seconds_left: SecondsLeft = lambda: math.inf,
        stalled_seconds: float = 60,
        seconds_between_lines: float = 2,
    ) -> None:
        """Terminate the process, and wait as long as it works: it uses time of the CPU, or reports.

        Raises:
            UnsavedError: `StopSignalError` ended the wait. The process goes on trying.
        """
        began = worked_at = time.monotonic()
        next_line = began + seconds_between_lines
        worked = None
        try:
            with saved.open_reports(self._state) as reports:
                self._process.terminate()
                self._process.resume()  # it may be frozen
                while self._process.status() != psutil.STATUS_ZOMBIE:
                    now = time.monotonic()
                    was_failing = self._is_failing
                    times = self._process.cpu_times()
                    if self._receive(reports) or times != worked:
                        worked, worked_at = times, now
                    left = seconds_left() if self._is_failing else math.inf
                    # A file is complete or not there: nothing is saved by halves.
                    if left <= 0 or now > worked_at + stalled_seconds:
                        self._process.kill()
                    elif now > next_line or (self._is_failing and not was_failing):
                        next_line = now + (_REPEAT_SECONDS if self._is_failing else seconds_between_lines)
                        self._print_status(self._describe_progress(now - began, left))
                    time.sleep(0.05)
                self._receive(reports)
        except psutil.NoSuchProcess:
            pass
        except StopSignalError:
            raise UnsavedError(
                f"{self.describe()} It goes on trying each second, and ends once all is saved. Free some space and "
                f"repeat the command. `kill -9 {self._process.pid}` ends it and loses what is not saved."
            ) from None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)  # what it had started just then

    @property
    def _is_failing(self) -> bool:
        return bool(self.report.services)

    def _receive(self, reports: int | None) -> bool:
        """Read the latest report; return whether there is one."""
        report = saved.read_report(reports)
        self.report = report or self.report
        return report is not None

    def describe(self) -> str:
        """Return a sentence on what is not saved."""
        missing = self.report.describe(self._labels) or f"what it was given since {saved.unsaved_since(self._state)}"
        head = "Not saved:"
        if self._is_leftover:
            head = f"Process {self._process.pid}, the emulator of a run that was killed, has not saved"
        return f"{head} {missing}; {self._free_space()}."

    def _describe_progress(self, seconds: float, left: float) -> str:
        if not self._is_failing:
            return f"saving queues, functions and the rest, for {seconds:.0f} s so far; {self._free_space()}"
        end = f" It ends in {left:.0f} s." if math.isfinite(left) else ""
        loss = "ends this command, and that process goes on" if self._is_leftover else "ends it and loses the rest"
        return (
            f"{self.describe()} Correct that, for example free some space: it tries again each second.{end} "
            f"Ctrl-C {loss}."
        )

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


def create_key() -> str:
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
    key = create_key()
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
    deadline = time.monotonic() + _START_SECONDS
    while not _is_healthy(emulator):
        if not emulator.is_running() or time.monotonic() > deadline:
            raise LocalError(f"The emulator did not start; its log, {emulator.log}, ends:\n{tail(emulator.log)}")
        time.sleep(0.05)


def stop_leftovers(state: Path, print_status: PrintStatus = lambda _: None) -> None:
    """End emulators that outlived the run that started them (which was killed and could not).

    They are found by their command line, which names the folder. Each saves its state and ends. `StopSignalError` ends
    the wait; the emulator keeps trying to save, so that nothing is lost.

    Raises:
        LocalError: one is another user's.
        UnsavedError: the wait was stopped before everything was saved.
    """
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or [""]  # None: somebody hides it
        if _MODULE in words and words[-1] == str(state):
            try:
                _Shutdown(process, state, print_status, is_leftover=True).run()
            except psutil.AccessDenied:
                raise LocalError(
                    f"An emulator of {process.username()} still runs on {state}, as process {process.pid}: end that "
                    "one, or choose another folder with --state"
                ) from None


def require_free(port: int) -> None:
    """Raise a LocalError when something listens on the port."""
    deadline = time.monotonic() + _CLOSE_SECONDS
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


def find_free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_healthy(emulator: Emulator) -> bool:
    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={emulator.key}/"}
    try:
        answer = urllib3.request("GET", f"{emulator.url}/_ministack/health", headers=headers, retries=False, timeout=1)
    except urllib3.exceptions.HTTPError:
        return False
    return answer.status == HTTPStatus.OK
