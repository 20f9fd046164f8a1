"""The AWS emulator, as a child process that listens on the loopback address only."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

import psutil

from local.errors import LocalError

HOST = "127.0.0.1"
REGION = "us-east-1"
# Those that serverless.yml uses, so that it starts fast and opens no other port.
_SERVICES = "apigateway,cloudformation,cloudwatch,cognito-idp,ec2,iam,kms,lambda,logs,s3,secretsmanager,sns,sqs,ssm,sts"
_START = 30  # s
_STOP = 15  # s, in which it writes its state


class Emulator(NamedTuple):
    """A running emulator."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Where every AWS call goes."""
        return f"http://{HOST}:{self.port}"

    def is_running(self) -> bool:
        """Whether the process lives."""
        return self.process.poll() is None

    def stop(self) -> None:
        """Let it write its state (queues, functions, API) and end, with the workers it started."""
        if self.is_running():
            self.process.terminate()
            try:
                self.process.wait(_STOP)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def environment(url: str | None = None) -> dict[str, str]:
    """Give the environment of processes that must reach this emulator and never AWS.

    Args:
        url: where the emulator listens; None for the emulator itself.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DB_", "LOCAL_"))}
    kept |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}
    return kept | {"AWS_ENDPOINT_URL": url} if url else kept


def start(port: int, state: Path, log: Path) -> Emulator:
    """Start it and wait until it answers.

    Args:
        port: where to listen.
        state: a folder, kept for the next time: queues and what is in them outlive a stop.
        log: a file for what it prints, the functions' lines among it.

    Raises:
        LocalError: it did not come up; its log says why.
    """
    settings = {
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "SERVICES": _SERVICES,
        "IOT_MTLS_ENABLED": "0",  # it would listen on every address
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(state / "services"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(state / "s3"),
    }
    scratch = state / "tmp"  # the functions' unpacked code; what a killed emulator left goes now
    if scratch.exists():
        shutil.rmtree(scratch)
    scratch.mkdir(parents=True)
    settings["TMPDIR"] = str(scratch)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            env=environment() | settings,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours: it ends after it has been asked to
        )
    emulator = Emulator(process, port, log)
    deadline = time.monotonic() + _START
    while not _answers(emulator.url):
        if not emulator.is_running() or time.monotonic() > deadline:
            emulator.stop()
            raise LocalError(f"The emulator did not start; its log, {log}, ends:\n{tail(log)}")
        time.sleep(0.05)
    return emulator


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def end_leftover(pid_file: Path) -> None:
    """End an emulator that outlived the run that started it (which was killed and could not)."""
    try:
        process = psutil.Process(int(pid_file.read_text()))
        if "ministack" in process.cmdline():
            process.terminate()
            try:
                process.wait(_STOP)
            except psutil.TimeoutExpired:
                process.kill()
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return


def require_free(port: int) -> None:
    """Raise a LocalError when something listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise LocalError(
                f"Port {port} is in use ({error.strerror}). End what listens there, or choose another: "
                f'make run ARGS="--port {port + 1}"'
            ) from None


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_ministack/health", timeout=1):
            return True
    except (urllib.error.URLError, OSError):
        return False
