"""Servers of JMeter: the load that they send, and what happens if one is missing."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from loadtest.tests.unit.test_loadtest import STAGE, Command, fake_command, line, row


class Servers(NamedTuple):
    """Two programs that listen, in place of JMeter's servers."""

    names: list[str]
    pids: list[int]

    def lines(self) -> list[str]:
        """Return one line of results for each server."""
        return [line(number, generator=f"{name}-") for number, name in enumerate(self.names)]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return fake_command(tmp_path, capsys)


@pytest.fixture
def servers() -> Iterator[Servers]:
    listen = "import socket, signal; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)"
    with ExitStack() as stack:
        processes = []
        for _ in range(2):
            command_line = [sys.executable, "-c", f"{listen}; signal.pause()"]
            processes.append(stack.enter_context(subprocess.Popen(command_line, stdout=subprocess.PIPE, text=True)))
            stack.callback(processes[-1].kill)
        names = [f"127.0.0.1:{cast(Any, process.stdout).readline().strip()}" for process in processes]
        yield Servers(names, [process.pid for process in processes])


def test_each_server_multiplies_the_load(run: Command, servers: Servers) -> None:
    words = ["--remote", ",".join(servers.names)]
    outcome = run("".join(servers.lines()), [row(0), row(1)], *words)

    assert (outcome.status, outcome.summary["model"]) == (0, "closed model, 400 users")
    assert "in clear" in outcome.err
    assert "About 40,000 requests" in run("", [], *words, description=STAGE, typed="n\n").err


def test_server_that_sends_nothing_is_reported(run: Command, servers: Servers) -> None:
    outcome = run(servers.lines()[0], [row(0)], "--remote", ",".join(servers.names))

    assert (outcome.status, outcome.summary) == (2, None)
    assert f"JMeter's server {servers.names[1]} sent nothing" in outcome.err


def test_server_that_does_not_listen_is_reported(run: Command) -> None:
    outcome = run(line(0, generator="127.0.0.1:1-"), [row(0)], "--remote", "127.0.0.1:1")

    assert (outcome.status, outcome.summary) == (2, None)
    assert "the JMeter server 127.0.0.1:1 cannot be reached" in outcome.err


def test_server_with_a_public_address_is_refused_without_tls(
    run: Command, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadtest.remote.ip_address", lambda _: ip_address("8.8.8.8"))
    words = ["--remote", ",".join(servers.names)]

    refused = run("", [], *words)

    assert (refused.status, refused.summary) == (2, None)
    assert "public address" in refused.err
    assert run("".join(servers.lines()), [row(0), row(1)], *words, "--insecure").status == 0


def test_servers_are_stopped_if_one_dies(run: Command, servers: Servers, tmp_path: Path) -> None:
    received = tmp_path / "received"
    kill_one_and_wait = f"""
import socket
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", 0))
print("Waiting for possible Shutdown/StopTestNow/HeapDump/ThreadDump message on port", receiver.getsockname()[1])
sys.stdout.flush()
os.kill({servers.pids[1]}, signal.SIGKILL)
open({str(received)!r}, "wb").write(receiver.recv(100))
"""
    words = ["--remote", ",".join(servers.names), "--open-rate", "50"]
    outcome = run("".join(servers.lines()), [row(0), row(1)], *words, in_open_model=kill_one_and_wait)

    assert outcome.status == 2
    assert f"the JMeter server {servers.names[1]} cannot be reached" in outcome.err
    assert received.read_bytes() == b"StopTestNow"
