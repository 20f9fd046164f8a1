"""The AWS emulator: a child process, behind the guard, that listens on the loopback address only."""

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
from tools.local import saved_state
from tools.local.errors import LocalError, UnsavedError

HOST = "127.0.0.1"
# Services that serverless.yml uses, and ecr for `sls remove`. With few services it starts fast and opens no other port.
_SERVICES = (
    "apigateway,cloudformation,cloudwatch,cognito-idp,ec2,ecr,iam,kms,lambda,logs,s3,secretsmanager,sns,sqs,ssm,sts"
)
_MODULE = "tools.local.serve"
_START_SECONDS = 30
_UNSAVED_STATUS_SECONDS = 10  # interval of status lines about unsaved state
_CLOSE_SECONDS = 2  # until a killed process releases its port

PrintStatus = Callable[[str], None]

SecondsLeft = Callable[[], float]
"""Called repeatedly while state is unsaved; returns how many seconds to continue waiting."""


class Emulator(NamedTuple):
    """A running emulator."""

    process: subprocess.Popen[bytes]
    port: int
    state: Path
    log: Path
    key: str  # the access key id that the guard admits

    @property
    def url(self) -> str:
        """URL for all AWS calls."""
        return f"http://{HOST}:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return the environment of processes that use this emulator and must never reach AWS."""
        return environment(self.url, self.key)

    def client(self, service: str) -> Any:
        """Create a boto3 client for a service, for example "sqs"."""
        session: Any = local_stack.create_session(self.key)
        return session.client(service, endpoint_url=self.url)

    def is_running(self) -> bool:
        """Return whether the process is running."""
        return self.process.poll() is None

    def stop(
        self,
        print_status: PrintStatus = lambda _: None,
        seconds_left: SecondsLeft = lambda: 0,
        labels: Mapping[str, str] = MappingProxyType({}),
        stalled_seconds: float = 60,
        seconds_between_lines: float = 2,
    ) -> None:
        """Stop the emulator and its workers, once it has saved its state (queues, functions, API).

        Uploaded files that are not completely imported are printed, as the next run does not continue with them.

        Args:
            print_status: called with the progress.
            seconds_left: called while a save fails; the emulator is killed when it returns 0 or less.
            labels: names for the messages of a queue, by the queue's name.
            stalled_seconds: time without any work after which the emulator is killed.
            seconds_between_lines: interval of progress lines.

        Raises:
            UnsavedError: not everything was saved; the message says what is missing.
        """
        if not self.is_running():
            return
        shutdown = _Shutdown(psutil.Process(self.process.pid), self.state, print_status, labels)
        shutdown.run(seconds_left, stalled_seconds, seconds_between_lines)
        if count := shutdown.report.unfinished_files:
            print_status(
                f"Uploaded files that were not completely imported: {count}, those without a summary.json in results/. "
                "Upload them again."
            )
        if self.process.wait() or saved_state.unsaved_since(self.state):
            raise UnsavedError(
                f"Not everything could be saved. {shutdown.describe()} State saved earlier is kept. "
                f"The log, {self.log}, ends:\n{tail(self.log)}"
            )


class _Shutdown:
    """Shutdown of an emulator, which saves its state and reports the progress."""

    def __init__(
        self,
        process: psutil.Process,
        state: Path,
        print_status: PrintStatus,
        labels: Mapping[str, str] = MappingProxyType({}),
        *,
        is_leftover: bool = False,
    ) -> None:
        """Create a shutdown; `is_leftover`: the emulator was started by a run that was killed."""
        self.report = saved_state.SaveReport()  # the latest
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
        """Terminate the process, and wait as long as it uses CPU time or sends reports.

        Raises:
            UnsavedError: a stop signal ended the wait for an emulator of an earlier run, which continues to save.
        """
        try:
            with saved_state.open_reports(self._state) as reports:
                try:
                    self._wait(reports, seconds_left, stalled_seconds, seconds_between_lines)
                except StopSignalError:
                    if self._is_leftover:
                        raise UnsavedError(self._describe_unfinished()) from None
                    # The run failed and is already stopping. Later signals are ignored, or handled by `SaveDeadline`.
                    self._wait(reports, seconds_left, stalled_seconds, seconds_between_lines)
                self._receive(reports)
        except psutil.NoSuchProcess:
            pass
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)  # processes that it has just started

    def _wait(
        self, reports: int | None, seconds_left: SecondsLeft, stalled_seconds: float, seconds_between_lines: float
    ) -> None:
        """Terminate the process, and wait for its end; kill it if it does nothing, or the time for the save is over."""
        self._process.terminate()
        self._process.resume()  # it may be suspended
        started_at = active_at = time.monotonic()
        next_line = started_at + seconds_between_lines
        last_activity = None
        while self._process.status() != psutil.STATUS_ZOMBIE:
            now = time.monotonic()
            was_failing = self._is_failing
            times = self._process.cpu_times()
            if self._receive(reports) or times != last_activity:
                last_activity, active_at = times, now
            remaining_seconds = seconds_left() if self._is_failing else math.inf
            # Files are replaced atomically, so killing the process leaves none incomplete.
            if remaining_seconds <= 0 or now > active_at + stalled_seconds:
                self._process.kill()
            elif now > next_line or (self._is_failing and not was_failing):
                next_line = now + (_UNSAVED_STATUS_SECONDS if self._is_failing else seconds_between_lines)
                self._print_status(self._describe_progress(now - started_at, remaining_seconds))
            time.sleep(0.05)

    @property
    def _is_failing(self) -> bool:
        return bool(self.report.services)

    def _receive(self, reports: int | None) -> bool:
        """Read the latest report, and return whether there was one."""
        report = saved_state.read_report(reports)
        self.report = report or self.report
        return report is not None

    def describe(self) -> str:
        """Return a sentence about what is not saved."""
        missing = self.report.describe(self._labels) or f"all changes since {saved_state.unsaved_since(self._state)}"
        start = f"{self._name} has not saved" if self._is_leftover else "Not saved:"
        return f"{start} {missing}; {self._free_space()}."

    @property
    def _name(self) -> str:
        return f"Process {self._process.pid}, the emulator of a run that was killed,"

    def _describe_unfinished(self) -> str:
        """Return sentences about an emulator of an earlier run for which this command does not wait any longer."""
        if self._is_failing:
            start = f"{self.describe()} It tries again each second, and ends once everything is saved. Free some space"
        else:
            start = f"{self._name} is still saving, and ends once everything is saved. Wait for that"
        return f"{start} and repeat the command. `kill -9 {self._process.pid}` ends it and loses what is not saved."

    def _describe_progress(self, seconds: float, remaining_seconds: float) -> str:
        if not self._is_failing:
            return f"saving queues, functions and the rest, for {seconds:.0f} s so far; {self._free_space()}"
        limit = f" It ends in {remaining_seconds:.0f} s." if math.isfinite(remaining_seconds) else ""
        loss = "ends this command, and that process goes on" if self._is_leftover else "ends it and loses the rest"
        return (
            f"{self.describe()} Correct that, for example free some space: it tries again each second.{limit} "
            f"Ctrl-C {loss}."
        )

    def _free_space(self) -> str:
        return f"{shutil.disk_usage(self._state).free / 1_000_000:,.1f} MB are free in {self._state}"


def environment(url: str | None = None, key: str = "none") -> dict[str, str]:
    """Return this process's environment without AWS's and the project's variables, for an emulator at a URL."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DB_", "LOCAL_"))}
    variables |= {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "none", "AWS_REGION": local_stack.REGION}
    return variables | {"AWS_ENDPOINT_URL": url} if url else variables


def isolate() -> None:
    """Remove all AWS variables from this process's environment, so that it cannot reach AWS."""
    variables = environment()
    os.environ.clear()
    os.environ.update(variables)


def create_key() -> str:
    """Create the access key id of a run, a secret that gives full access to the emulator.

    It begins with letters, as the emulator would interpret twelve digits as an account number.
    """
    return f"LOCAL{base64.b32encode(secrets.token_bytes(10)).decode()[:15]}"


def start(port: int, state: Path, log: Path) -> Emulator:
    """Start the emulator, and wait until it answers.

    Args:
        state: folder of its state, which the next run restores: queues with their messages, functions, API.
        log: file for the log, which includes the functions' lines.

    Raises:
        LocalError: it did not start; the message quotes its log.
    """
    key = create_key()
    scratch = state / "tmp"  # the functions' unpacked code, which a killed emulator leaves behind
    settings = {
        "MINISTACK_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "SERVICES": _SERVICES,
        "IOT_MTLS_ENABLED": "0",  # it would listen on every address
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(saved_state.folder(state)),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(state / "s3"),
        "TMPDIR": str(scratch),
        "AWS_SESSION_TOKEN": key,  # passed on to functions, whose access key id is the account number
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
            start_new_session=True,  # so that Ctrl-C does not reach it
        )
    emulator = Emulator(process, port, state, log, key)
    try:
        _wait_until_healthy(emulator)
    except BaseException:  # also Ctrl-C
        process.kill()  # its state has not changed yet
        process.wait()
        saved_state.mark_clean(state)
        raise
    return emulator


def _wait_until_healthy(emulator: Emulator) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _is_healthy(emulator):
        if not emulator.is_running() or time.monotonic() > deadline:
            raise LocalError(f"The emulator did not start; its log, {emulator.log}, ends:\n{tail(emulator.log)}")
        time.sleep(0.05)


def stop_leftovers(state: Path, print_status: PrintStatus = lambda _: None) -> None:
    """Stop emulators of runs that were killed.

    They are found by their command line, which names the folder. Each saves its state and ends. `StopSignalError` ends
    the wait; the emulator keeps trying to save, so that nothing is lost.

    Raises:
        LocalError: one belongs to another user.
        UnsavedError: a stop signal came before everything was saved.
    """
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or [""]  # None: another user's process
        if _MODULE in words and words[-1] == str(state):
            try:
                _Shutdown(process, state, print_status, is_leftover=True).run()
            except psutil.AccessDenied:
                raise LocalError(
                    f"An emulator of {process.username()} still runs on {state}, as process {process.pid}: end it, "
                    "or choose another folder with --state"
                ) from None


def require_free(port: int) -> None:
    """Raise a LocalError if a process listens on the port, or this user may not."""
    deadline = time.monotonic() + _CLOSE_SECONDS
    while True:
        try:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((HOST, port))
        except PermissionError:
            raise LocalError(
                f'You may not use port {port}. Choose one from 1024 on: make run ARGS="--port 4567"'
            ) from None
        except OSError as error:
            if time.monotonic() > deadline:
                raise LocalError(
                    f"Port {port} is in use ({error.strerror}). End the program that uses it, or choose another: "
                    f'make run ARGS="--port {port + 1}"'
                ) from None
            time.sleep(0.05)
        else:
            return


def find_free_port() -> int:
    """Return a port on which no process listens."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_healthy(emulator: Emulator) -> bool:
    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={emulator.key}/"}
    try:
        response = urllib3.request(
            "GET", f"{emulator.url}/_ministack/health", headers=headers, retries=False, timeout=1
        )
    except urllib3.exceptions.HTTPError:
        return False
    return response.status == HTTPStatus.OK
