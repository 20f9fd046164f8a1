"""`python -m lab.bench drain --distance MS`: the proxy, and what the command prints and writes."""

import asyncio
import json
import multiprocessing
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.bench import proxy
from lab.bench.drain import PEERS
from tools.kit.project import ROOT

ROUND_TRIP = 0.005  # s


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Give the folder of a proxy before a server that answers with what it is sent."""

    def echo(connection: socket.socket) -> None:
        with connection:
            while chunk := connection.recv(1 << 16):
                connection.sendall(chunk)

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # shut down
                return
            serving.append(threading.Thread(target=echo, args=(connection,)))
            serving[-1].start()

    serving: list[threading.Thread] = []
    with tempfile.TemporaryDirectory(prefix="ponto-") as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/socket")
        listener.listen()
        acceptor = threading.Thread(target=serve, args=(listener,))
        acceptor.start()
        with proxy.running(f"{folder}/socket", 1000 * ROUND_TRIP) as address:
            yield address
        listener.shutdown(socket.SHUT_RDWR)
        for thread in (acceptor, *serving):
            thread.join()


def connect(address: str) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(60)
    client.connect(f"{address}/socket")
    return client


def test_no_other_user_reaches_it(address: str) -> None:
    assert stat.S_IMODE(Path(address).stat().st_mode) == 0o700
    [child] = multiprocessing.active_children()
    assert psutil.Process(child.pid).net_connections("inet") == []


def test_each_round_trip_takes_at_least_what_was_asked_and_the_first_a_handshake_more(address: str) -> None:
    began = time.monotonic()  # connect() returns before the proxy's handshake ends
    with connect(address) as client:
        for least in (2 * ROUND_TRIP, ROUND_TRIP, ROUND_TRIP):
            client.sendall(b"?")
            assert client.recv(1) == b"?"
            assert time.monotonic() - began >= least
            began = time.monotonic()


@given(chunks=st.lists(st.binary(min_size=1, max_size=5_000), max_size=8))
def test_what_is_sent_arrives_whole_in_order_and_so_does_its_end(address: str, chunks: list[bytes]) -> None:
    with connect(address) as client:
        for chunk in chunks:
            client.sendall(chunk)
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as answer:
            assert answer.read() == b"".join(chunks)


def test_any_amount_may_be_under_way(address: str) -> None:
    sent = bytes(range(256)) * 32_768  # 8 MiB, which no socket's buffer holds
    with connect(address) as client:
        client.sendall(sent)  # all of it, before any answer is read
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as answer:
            assert answer.read() == sent


def test_each_chunk_is_passed_on_a_delay_after_it_came_whatever_else_is_under_way() -> None:
    delay, chunks = 0.3, 30
    came: list[float] = []
    passed_on: list[float] = []

    async def pass_on() -> None:
        loop, source = asyncio.get_running_loop(), asyncio.StreamReader()
        sink: Any = SimpleNamespace(write=lambda _: passed_on.append(loop.time()), write_eof=lambda: None)
        passing = loop.create_task(proxy._pass_on(source, sink, delay))
        for _ in range(chunks):
            came.append(loop.time())
            source.feed_data(b"?")
            await asyncio.sleep(0.001)  # it reads what has come
        source.feed_eof()
        await passing

    asyncio.run(pass_on())

    assert len(passed_on) == chunks
    assert all(later - earlier >= delay for earlier, later in zip(came, passed_on, strict=True))
    assert passed_on[-1] - came[0] < chunks * delay / 2


def test_no_server_is_the_end_of_the_connection_and_not_of_the_proxy(tmp_path: Path) -> None:
    with proxy.running(str(tmp_path / "socket"), 0) as address:
        for _ in range(2):
            with connect(address) as client:
                assert client.recv(1) == b""


def test_the_command_prints_a_table_for_each_distance(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "lab.bench", "drain", "--distance", "1", "--quick"]
    words += ["--punches", "500", "--set", "fsync=off", "--folder", str(tmp_path)]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr

    assert {file.name for file in tmp_path.iterdir()} == {"distance.json"}
    results = json.loads((tmp_path / "distance.json").read_text())["results"]
    assert {(row["distance"], row["peer"], row["batch"]) for row in results} == {
        (1, peer, batch) for peer in PEERS for batch in (10, 100)
    }
    [trip] = {row["roundTripMs"]["median"] for row in results}
    assert trip >= 1
    assert f"\nA round trip of 1 ms (`select 1` takes {trip:.2f} ms):\n" in ended.stdout
    assert all(f"\n{peer} " in ended.stdout and f"\n{peer}: " in ended.stdout for peer in PEERS)
