"""`python -m lab.bench drain --distance MS --open-transaction`: the proxy, and what the command prints and writes."""

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

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.bench import proxy
from lab.bench.drain import PEERS
from tools.kit.project import ROOT

ROUND_TRIP = 0.005  # s


@pytest.fixture(scope="module")
def address() -> Iterator[proxy.Address]:
    """Give a proxy before a server that answers with what it is sent."""

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


def connect(address: proxy.Address) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(60)
    client.connect(f"{address.folder}/socket")
    return client


def test_no_other_user_reaches_it(address: proxy.Address) -> None:
    assert stat.S_IMODE(Path(address.folder).stat().st_mode) == 0o700
    [child] = multiprocessing.active_children()
    assert psutil.Process(child.pid).net_connections("inet") == []


def test_each_round_trip_takes_at_least_what_was_asked_and_the_first_a_handshake_more(address: proxy.Address) -> None:
    began = time.monotonic()  # connect() returns before the proxy's handshake ends
    with connect(address) as client:
        for least in (2 * ROUND_TRIP, ROUND_TRIP, ROUND_TRIP):
            client.sendall(b"?")
            assert client.recv(1) == b"?"
            assert time.monotonic() - began >= least
            began = time.monotonic()


@given(chunks=st.lists(st.binary(min_size=1, max_size=5_000), max_size=8))
def test_what_is_sent_arrives_whole_in_order_and_so_does_its_end(address: proxy.Address, chunks: list[bytes]) -> None:
    with connect(address) as client:
        for chunk in chunks:
            client.sendall(chunk)
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as answer:
            assert answer.read() == b"".join(chunks)


def test_no_server_is_the_end_of_the_connection_and_not_of_the_proxy(tmp_path: Path) -> None:
    with proxy.running(str(tmp_path / "socket"), 0) as address:
        for _ in range(2):
            with connect(address) as client:
                assert client.recv(1) == b""


def test_the_command_prints_a_table_for_the_distance_and_one_for_the_open_transaction(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "lab.bench", "drain", "--distance", "1", "--open-transaction", "--quick"]
    words += ["--punches", "500", "--set", "fsync=off", "--folder", str(tmp_path)]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr

    assert {file.name for file in tmp_path.iterdir()} == {"distance.json", "open_transaction.json"}
    [distance] = json.loads((tmp_path / "distance.json").read_text())["results"]
    assert distance["askedMs"] == 1 <= distance["roundTripMs"]
    assert {(drain["peer"], drain["batch"]) for drain in distance["drains"]} == {
        (peer, batch) for peer in PEERS for batch in (10, 100)
    }
    [beside] = json.loads((tmp_path / "open_transaction.json").read_text())["results"]
    assert beside["askedMs"] == 1
    assert beside["ratio"] > 0
    for line in (
        f"A round trip of 1 ms (`select 1` takes {distance['roundTripMs']:.2f} ms):",
        "| the handler, as a multiple of | both at 10 a batch | both at 100 a batch |",
        "| rows/s, batches of 100 ",
        "| the handler at 1 ms ",
    ):
        assert f"\n{line}" in ended.stdout
