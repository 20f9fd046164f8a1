"""`make bench`: how runs become figures, tables and aims, and what its arguments mean."""

import io
import json
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import psutil
import pytest

from lab.bench import __main__ as command
from lab.bench import distance, drain, gaps, growth, imports, indexes, open_transaction, proxy
from lab.bench.__main__ import PARTS, Sizes, plain
from lab.bench.cold import Cold
from lab.bench.distance import Distance
from lab.bench.drain import PEERS, Drain
from lab.bench.events import chunks, event, uuid7
from lab.bench.measure import Aim, Spread, spread, table
from lab.bench.open_transaction import OpenTransaction
from ponto.lines import lines
from tests.waiting import started, wait_for


def measured(peer: str, batch: int, rate: float) -> Drain:
    return Drain(peer, batch, 1000, Spread(rate, rate - 1, rate + 1), 10.0, 20.0)


def test_runs_become_their_median_and_their_extremes() -> None:
    assert spread([3.0, 100.0, 1.0]) == Spread(3.0, 1.0, 100.0)
    assert spread([1.0, 2.0]) == Spread(1.5, 1.0, 2.0)


def test_a_table_is_aligned_markdown() -> None:
    assert table([["", "rows/s"], ["handler", "1"], ["COPY", "12,345,678"]]) == (
        "|         |     rows/s |\n|---------|-----------:|\n| handler |          1 |\n| COPY    | 12,345,678 |"
    )


@pytest.mark.parametrize(
    ("reached", "at_most", "met"), [(1.0, False, True), (0.9, False, False), (1.0, True, True), (1.1, True, False)]
)
def test_an_aim_is_met_at_its_bound(reached: float, at_most: bool, met: bool) -> None:
    aim = Aim("speed", 1.0, reached, at_most)

    assert aim.met is met
    assert str(aim).startswith("met: speed" if met else "MISSED: speed")


def test_the_handler_is_held_against_its_peers() -> None:
    found = [measured("original", 10, 2_000), measured("ours", 100, 50_000), measured("copy", 100, 100_000)]

    assert [(aim.wanted, aim.reached) for aim in drain.aims(found)] == [(25.0, 25.0), (0.8, 0.5)]


def test_the_largest_table_is_held_against_the_empty_one() -> None:
    found = [
        growth.Growth(ids, rows, Spread(rate, rate, rate))
        for ids in ("UUIDv4", "UUIDv7", "derived")
        for rows, rate in ((0, 100.0), (1000, 10.0), (2000, 80.0))
    ]

    assert [aim.reached for aim in growth.aims(found)] == [0.8, 0.8]


def test_a_share_that_differs_by_more_than_chance_is_marked() -> None:
    def variant(label: str, ratio: float) -> indexes.Measured:
        return indexes.Measured(label, 1000, Spread(1.0, 1.0, 1.0), 10.0, ratio, ratio)

    found = [variant(label, ratio) for label, ratio in (("a", 0.88), ("b", 0.91), ("c", 1.09), ("d", 1.13))]

    _, _, *rows = indexes.show(found).splitlines()
    assert [(cells[1].strip(), cells[-2].strip()) for cells in (row.split("|") for row in rows)] == [
        ("a", "less"),
        ("b", ""),
        ("c", ""),
        ("d", "more"),
    ]


def test_a_punch_without_an_id_has_an_instant_of_its_own() -> None:
    bodies = [json.loads(record["body"]) for record in event(2, None)["Records"]]

    assert [body.keys() for body in bodies] == [{"ponto", "usuarioId", "offline"}] * 2


def test_of_a_company_at_present_its_employees_punch_each_at_an_instant_of_its_own() -> None:
    bodies = [json.loads(record["body"]) for record in event(50, uuid7, employees=3, at_present=True)["Records"]]

    assert {body["usuarioId"] for body in bodies} == {1, 2, 3}
    assert len({body["ponto"] for body in bodies}) == 50


def test_every_peer_has_its_row() -> None:
    shown = drain.show([measured(name, batch, 1000) for name in PEERS for batch in (10, 100)])

    assert all(shown.count(f"| `{name}`") == 2 for name in PEERS)
    assert "1,000 (999 to 1,001)" in shown


def far(asked_ms: float) -> Distance:
    rates = {("original", 10): 500, ("original", 100): 1_000, ("ours", 10): 2_000, ("ours", 100): 20_000}
    return Distance(
        asked_ms,
        asked_ms + 0.25,
        [measured(name, batch, rates.get((name, batch), 40_000)) for name in PEERS for batch in (10, 100)],
    )


def test_at_a_distance_the_handler_is_held_against_its_peers_where_an_aurora_stands() -> None:
    found = distance.aims([far(0), far(0.5), far(2.5)])

    assert [(aim.text.partition(",")[0], aim.wanted, aim.reached) for aim in found] == [
        ("at 0.5 ms", 60.0, 40.0),
        ("at 0.5 ms", 0.75, 0.5),
    ]


def test_each_distance_has_its_round_trip_its_tables_and_its_headline() -> None:
    shown = distance.show([far(0), far(0.5)])

    near, _, farther = shown.partition("\n\nA round trip of 0.5 ms (`select 1` takes 0.75 ms):\n\n")
    assert near.startswith("A round trip of 0 ms (`select 1` takes 0.25 ms):\n\n")
    for part in (near, farther):
        assert all(part.count(f"| `{name}`") == (2 if name == "ours" else 3) for name in PEERS)
        assert "| `original`                    |               4.00 |               20.00 |" in part
        assert part.endswith("The handler at 100 a batch stores 40.0 times what the original does at its own 10.")


def test_an_open_transaction_is_held_against_none() -> None:
    one = Spread(100.0, 99.0, 101.0)
    found = [OpenTransaction(None, one, one, 0.94), OpenTransaction(0.5, one, one, 0.95)]

    assert [aim.met for aim in open_transaction.aims(found)] == [False, True]
    assert "| the handler at 0.5 ms  | 100 (99 to 101) |            100 (99 to 101) |" in open_transaction.show(found)


def test_each_chunk_is_passed_on_a_delay_after_it_came_whatever_else_is_under_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(proxy, "time", SimpleNamespace(monotonic=lambda: now))
    client, source = socket.socketpair()
    sink, server = socket.socketpair()
    with client, source, sink, server:
        sink.setblocking(False)
        server.setblocking(False)
        way = proxy.Direction(source, sink, 1.0)
        passed = []
        for now, sent in [(0.0, b"a"), (0.25, b"b"), (0.5, b"c"), (0.75, b""), (1.0, b""), (1.25, b""), (1.5, b"")]:
            if sent:
                client.sendall(sent)
                way.read()
            way.write()
            try:
                passed.append((now, server.recv(9)))
            except BlockingIOError:
                continue

    assert passed == [(1.0, b"a"), (1.25, b"b"), (1.5, b"c")]


def test_what_the_sink_does_not_take_at_once_is_kept_in_order() -> None:
    client, source = socket.socketpair()
    sink, server = socket.socketpair()
    sent, got = bytes(range(256)) * 4096, b""
    with client, source, sink, server:
        client.setblocking(False)
        sink.setblocking(False)
        way = proxy.Direction(source, sink, 0.0)
        place, was_blocked = 0, False
        while place < len(sent):
            place += client.send(sent[place : place + 65_536])
            way.read()
            way.write()
            was_blocked |= way.is_blocked
        client.shutdown(socket.SHUT_WR)
        while not way.is_read:
            way.read()
        while len(got) < len(sent):
            got += server.recv(1 << 20)
            way.write()

        assert was_blocked
        assert got == sent
        assert way.is_over
        assert server.recv(1) == b""


def test_an_import_is_held_against_the_time_of_a_million_lines_and_its_memory() -> None:
    found = imports.Import(
        500_000, 29.4, False, 140.0, 64.0, imports.Cpu(75.0, 50.0, 9.0, 3.0), 100_000, 30.0, 3_000, 1.5
    )

    assert [(aim.wanted, aim.reached, aim.met) for aim in imports.aims(found)] == [(300, 280, True), (200, 64, True)]
    shown = [" ".join(line.split()) for line in imports.show(found).splitlines()]
    assert "| CPU of the function, s (us a line) | 75.0 (150) |" in shown
    assert "| rows stored meanwhile | 100,000 (20.0%) |" in shown
    assert "| rows/s of the 30 s afterwards, 400,000 waiting | 100 |" in shown


def test_the_file_of_an_import_has_a_punch_of_its_own_in_each_line() -> None:
    file = io.BytesIO()
    imports.write(file, 20_001, 4_000_000_100)

    found = list(lines(lambda offset: io.BytesIO(file.getvalue()[offset:]), ZoneInfo("UTC")))
    assert min(line.employee for line in found) == 4_000_000_100
    assert len({line.body for line in found}) == 20_001
    assert not any(line.refusal for line in found)


def test_what_a_process_used_counts_when_it_has_ended() -> None:
    burn = "import time\nwhile time.process_time() < 0.1: pass\nprint(flush=True)\ninput()"
    meter = imports.Meter()
    with subprocess.Popen([sys.executable, "-c", burn], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        before = meter.look([psutil.Process(process.pid)])
        process.kill()

    assert 0.09 <= before == meter.look([])


def test_a_function_s_processes_are_found_beside_a_zombie_which_only_root_may_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environ = psutil.Process.environ

    def as_anybody(process: psutil.Process) -> dict[str, str]:
        if process.status() == psutil.STATUS_ZOMBIE:
            raise psutil.AccessDenied(process.pid)
        return environ(process)

    monkeypatch.setattr(psutil.Process, "environ", as_anybody)
    stack: Any = SimpleNamespace(aws=SimpleNamespace(process=SimpleNamespace(pid=os.getpid())))
    waiting = [sys.executable, "-c", "input()"]
    with (
        started(["true"]) as ended,
        started(waiting, stdin=subprocess.PIPE, env={"AWS_LAMBDA_FUNCTION_NAME": "ours"}) as ours,
        started(waiting, stdin=subprocess.PIPE, env={"AWS_LAMBDA_FUNCTION_NAME": "other"}),
    ):
        wait_for(lambda: psutil.Process(ended.pid).status() == psutil.STATUS_ZOMBIE, "a zombie")

        assert [process.pid for process in imports.workers(stack, "ours")] == [ours.pid]


def test_results_become_json() -> None:
    one = Spread(1.0, 1.0, 1.0)

    assert json.loads(json.dumps(plain([Cold("ours", one, one, one, 4.5)])))[0]["importMs"]["median"] == 1.0


def test_batches_add_up_to_the_punches_all_different() -> None:
    parts = list(chunks(25, 10, most=10))

    assert [[len(batch["Records"]) for batch in part] for part in parts] == [[10], [10], [5]]
    bodies = [json.loads(record["body"]) for part in parts for batch in part for record in batch["Records"]]
    assert len({body["id"] for body in bodies}) == 25


def test_a_uuid7_is_one_and_grows_with_time() -> None:
    before, [record] = uuid7(), event(1, uuid7)["Records"]
    made = uuid.UUID(json.loads(record["body"])["id"])

    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert str(made)[:13] >= before[:13]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Sequence[str], Sizes]]:
    """Give which parts some words measure, and how much of each."""
    found: list[tuple[Sequence[str], Sizes]] = []

    def measure(parts: Sequence[str], sizes: Sizes, *_: object, as_json: bool) -> None:
        assert not as_json
        found.append((parts, sizes))

    def asked(*words: str) -> tuple[Sequence[str], Sizes]:
        monkeypatch.setattr(command, "measure", measure)
        assert command.main(words) == 0
        return found.pop()

    return asked


def test_all_parts_are_measured_by_default(asked: Callable[..., tuple[Sequence[str], Sizes]]) -> None:
    parts, sizes = asked()

    assert parts == list(PARTS)
    assert (sizes.punches, sizes.batch, sizes.rounds, sizes.millions) == (100_000, (10, 100, 1_000), 5, (1, 10))


def test_quick_is_small_and_can_be_overruled(asked: Callable[..., tuple[Sequence[str], Sizes]]) -> None:
    parts, sizes = asked("cold", "drain", "--quick", "--rounds", "2")

    assert parts == ["drain", "cold"]
    assert (sizes.punches, sizes.rounds, sizes.starts) == (2_000, 2, 1)


def test_sizes_that_are_given_twice_are_measured_once(asked: Callable[..., tuple[Sequence[str], Sizes]]) -> None:
    _, sizes = asked("--batch", "100", "--batch", "10", "--batch", "100", "--millions", "2", "--millions", "0.5")

    assert (sizes.batch, sizes.millions) == ((10, 100), (0.5, 2.0))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["drain", "--distance", "0"], ["distance"]),
        (["drain", "--open-transaction"], ["open_transaction"]),
        (["cold", "drain", "--distance", "2.5", "--open-transaction"], ["distance", "open_transaction", "cold"]),
    ],
)
def test_at_a_distance_other_things_are_measured_instead_of_the_drain(
    asked: Callable[..., tuple[Sequence[str], Sizes]], words: list[str], expected: list[str]
) -> None:
    assert asked(*words)[0] == expected


def test_at_a_distance_the_batches_are_the_originals_and_the_handlers_unless_others_are_given(
    asked: Callable[..., tuple[Sequence[str], Sizes]],
) -> None:
    _, sizes = asked("drain", "--distance", "2.5", "--distance", "0", "--distance", "2.5")

    assert (sizes.distance, sizes.batch) == ((0, 2.5), (10, 100))
    assert asked("drain", "--distance", "2.5", "--batch", "50")[1].batch == (50,)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["drains"], "'drains' is not one of 'drain', 'growth'"),
        (["--punches", "10"], "10 is not in the range x>=500"),
        (["--rounds", "0"], "0 is not in the range 1<=x"),
        (["--set", "fsync"], "'fsync' is not NAME=VALUE"),
        (["--distance", "-1"], "-1.0 is not in the range 0<=x<=1000"),
        (["--millions", "-1"], "'-1' is not a number above 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(words) == 2
    assert complaint in capsys.readouterr().err


def test_the_help_names_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--help"]) == 0

    shown = capsys.readouterr().out
    assert "examples:" in shown
    assert all(f"\n  {part} " in shown for part in PARTS)


class Vacuumed:
    """A server whose table can be read by the index alone after so many vacuums."""

    def __init__(self, vacuums: int) -> None:
        self.left = vacuums

    def ask(self, statement: str) -> bool | None:
        if "relallvisible" in statement:
            return self.left <= 0
        self.left -= 1
        return None


def test_gaps_are_looked_for_once_the_index_is_enough_to_read_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    server = Vacuumed(3)
    gaps.vacuum(server)
    assert server.left == 0
    with pytest.raises(RuntimeError, match="a transaction is open"):
        gaps.vacuum(Vacuumed(1_000))
