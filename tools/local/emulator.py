"""The AWS emulator: a child process, behind the guard, that listens on the loopback address only."""

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
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

import urllib3

from tools.kit import local_stack
from tools.kit.files import tail
from tools.kit.project import ROOT
from tools.local import watchdog
from tools.local.errors import LocalError, UnsavedError

HOST = "127.0.0.1"
# Services that serverless.yml uses, and ecr for `sls remove`. With few services it starts fast and opens no other port.
_SERVICES = (
    "apigateway,cloudformation,cloudwatch,cognito-idp,ec2,ecr,iam,kms,lambda,logs,s3,secretsmanager,sns,sqs,ssm,sts"
)
_START_SECONDS = 30
_CLOSE_SECONDS = 2  # until a killed process releases its port
STATE_FILES = "services"
"""Folder in the emulator's folder with a file for each service, which it writes when it stops."""

UNSAVED = "unsaved"
"""File in the emulator's folder that exists while changes are not saved, so that the next run can report a loss."""

LOSS = (
    "changes since the start of the run are lost: queued punches, dead letters, and keys of `ponto keys`. Stored rows "
    "are kept"
)
"""What is lost if the emulator is killed."""

PrintStatus = Callable[[str], None]


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

    def stop(self) -> None:
        """Stop the emulator and its workers, once it has saved its state (queues, functions, API).

        Raises:
            UnsavedError: not everything was saved; the message says what is missing.
        """
        if not self.is_running():
            self.process.communicate()
            return
        self.process.terminate()
        self.process.send_signal(signal.SIGCONT)  # it may be suspended
        try:
            output, _ = self.process.communicate(timeout=watchdog.MAX_SAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            output, _ = self.process.communicate()
        if self.process.returncode:
            raise UnsavedError(f"Not saved: {output.decode() or LOSS}. State saved earlier is kept.")


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
        "STATE_DIR": str(state / STATE_FILES),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(state / "s3"),
        "TMPDIR": str(scratch),
        watchdog.STATE_VARIABLE: str(state.parent),
        "AWS_SESSION_TOKEN": key,  # passed on to functions, whose access key id is the account number
    }
    if scratch.exists():
        shutil.rmtree(scratch)
    state.mkdir(mode=0o700, exist_ok=True)
    state.chmod(0o700)
    scratch.mkdir(mode=0o700)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", watchdog.EMULATOR_MODULE, str(port), str(state)],
            cwd=ROOT,
            env=environment(key=key) | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            umask=0o077,
            start_new_session=True,  # so that Ctrl-C does not reach it
        )
    emulator = Emulator(process, port, state, log, key)
    try:
        _wait_until_healthy(emulator)
    except BaseException:  # also Ctrl-C
        process.kill()  # its state has not changed yet
        process.communicate()
        (state / UNSAVED).unlink(missing_ok=True)
        raise
    return emulator


def _wait_until_healthy(emulator: Emulator) -> None:
    deadline = time.monotonic() + _START_SECONDS
    url = f"{emulator.url}/_ministack/health"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={emulator.key}/"}
    while True:
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            if urllib3.request("GET", url, headers=headers, retries=False, timeout=1).status == HTTPStatus.OK:
                return
        if not emulator.is_running() or time.monotonic() > deadline:
            raise LocalError(f"The emulator did not start; its log, {emulator.log}, ends:\n{tail(emulator.log)}")
        time.sleep(0.05)


def require_free(port: int) -> None:
    """Raise a LocalError if a process listens on the port, or this user may not."""
    deadline = time.monotonic() + _CLOSE_SECONDS
    while True:
        try:
            socket.create_server((HOST, port)).close()
        except OSError as error:
            if time.monotonic() > deadline:
                raise LocalError(
                    f"Port {port} cannot be used: {error.strerror}. End the program that uses it, or choose another: "
                    f'make run ARGS="--port {port + 1}"'
                ) from None
            time.sleep(0.05)
        else:
            return


def find_free_port() -> int:
    """Return a port on which no process listens."""
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])
