"""The guard in front of the deployed stack; tools/tests/unit/test_guard.py tests it in detail."""

import contextlib
import urllib.parse

import psutil

from tests.e2e.deployed import Deployed
from tools.local.stack import Stack


def test_the_key_belongs_to_the_account_of_the_stack(stack: Stack) -> None:
    assert stack.client("sts").get_caller_identity()["Account"] == "000000000000"
    assert urllib.parse.urlsplit(stack.address.queue_url).path.startswith("/000000000000/")


def test_files_of_the_stack_are_private_to_its_user(deployed: Deployed) -> None:
    assert deployed.state.stat().st_mode & 0o077 == 0
    assert (deployed.state / "stack.json").stat().st_mode & 0o777 == 0o600
    emulator_files = [deployed.state / "aws", *(deployed.state / "aws").rglob("*")]
    assert len(emulator_files) > 10
    # The function's code has the modes of its zip, below a private folder.
    unpacked = deployed.state / "aws" / "tmp"
    open_to_others = [
        path
        for path in emulator_files
        if unpacked not in path.parents and not path.is_symlink() and path.stat().st_mode & 0o077
    ]
    assert open_to_others == []


def test_everything_listens_on_the_loopback_address_only(stack: Stack) -> None:
    emulator = psutil.Process(stack.aws.process.pid)
    listening = set()
    for process in (emulator, *emulator.children(recursive=True), psutil.Process(stack.database.pid)):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # it has ended, or is a zombie
            connections = process.net_connections(kind="inet")
            listening |= {connection.laddr for connection in connections if connection.status == psutil.CONN_LISTEN}

    assert listening == {("127.0.0.1", stack.aws.port)}
