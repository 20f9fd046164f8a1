"""`make bench`: how runs become figures, tables and aims, and what its arguments mean."""

import json
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from lab.bench import __main__ as command
from lab.bench import drain, growth, harness
from lab.bench.__main__ import PARTS
from lab.bench.drain import PEERS
from lab.bench.events import chunks, event
from lab.bench.harness import Aim, Case, Column, Found, Measured, Sizes, Spread, Table, spread
from tools.kit.ids import uuid7

SPEED = "rows_per_second"


def row(rate: float, **facts: Any) -> Measured:
    return Measured(facts, {SPEED: spread([rate, rate - 1, rate + 1])})


def test_runs_become_their_median_and_their_extremes_or_one_figure_where_all_are_the_same() -> None:
    assert spread([3.0, 100.0, 1.0]) == Spread(3.0, 1.0, 100.0)
    assert spread([1.0, 2.0]) == Spread(1.5, 1.0, 2.0)
    assert Spread(0, 0, 0).shown(0) == "0"
    assert Spread(1000.26, 1.0, 2000.0).shown(1) == "1,000.3 (1.0 to 2,000.0)"


def test_all_run_in_turn_round_by_round(capsys: pytest.CaptureFixture[str]) -> None:
    ran: list[str] = []

    def case(peer: str, figures: Iterator[float]) -> Case:
        def run() -> dict[str, float]:
            ran.append(peer)
            return {SPEED: next(figures)}

        return Case({"peer": peer, "batch": 1000}, run)

    found = harness.side_by_side("drain", [case("a", iter([1, 5, 2])), case("b", iter([7, 8, 9]))], rounds=3)

    assert ran == ["a", "b"] * 3
    assert [(each.facts["peer"], each.figures[SPEED]) for each in found] == [
        ("a", Spread(2, 1, 5)),
        ("b", Spread(8, 7, 9)),
    ]
    assert "drain: round 2 of 3, b, 1,000\n" in capsys.readouterr().err


def test_a_table_shows_facts_and_figures_and_what_was_not_measured_as_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    columns = {
        "peer": Column("peer"),
        "batch": Column("a batch"),
        SPEED: Column("rows/s"),
        "cpu": Column("us", digits=1, median_only=True),
    }
    other = Measured({"peer": "select 1"}, {"cpu": Spread(2.0, 1.0, 3.0)})

    harness.show(Table(columns, [row(20_000, peer="ours", batch=1000), other], "A title:", ["below"]))

    assert capsys.readouterr().out.split("\n") == [
        "A title:",
        "",
        "peer      a batch                     rows/s   us",
        "ours        1,000  20,000 (19,999 to 20,001)",
        "select 1                                      2.0",
        "",
        "below",
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("reached", "at_most", "met"), [(1.0, False, True), (0.9, False, False), (1.0, True, True), (1.1, True, False)]
)
def test_an_aim_is_met_at_its_bound(reached: float, at_most: bool, met: bool) -> None:
    aim = Aim("speed", 1.0, reached, at_most)

    assert aim.met is met
    assert str(aim).startswith("met: speed" if met else "MISSED: speed")


def test_the_handler_is_held_against_its_peers() -> None:
    rows = [
        row(rate, peer=peer, batch=batch)
        for peer, batch, rate in (("original", 10, 2_000), ("ours", 10, 10_000), ("ours", 100, 50_000))
    ]
    found = drain.found_in([*rows, row(100_000, peer="copy", batch=100)])

    assert [(aim.wanted, aim.reached) for aim in found.aims] == [(25.0, 25.0), (0.8, 0.5)]
    [table] = found.tables
    assert [each.figures["multiple"].median for each in table.rows] == [5, 1, 1, 0.5]
    assert table.note[-1] == "The handler at 100 a batch stores 25.0 times what the original does at its own 10."


def test_at_a_distance_the_handler_is_held_against_its_peers_where_an_aurora_stands() -> None:
    rates = {("original", 10): 500, ("original", 100): 1_000, ("ours", 10): 2_000, ("ours", 100): 20_000}
    distances = (0, 0.5, 2.5)
    rows = [
        row(rates.get((peer, batch), 40_000), distance=distance, peer=peer, batch=batch)
        for distance in distances
        for peer in PEERS
        for batch in (10, 100)
    ]
    trips = [
        Measured({"distance": distance, "peer": "select 1"}, {"round_trip_ms": spread([distance + 0.25])})
        for distance in distances
    ]

    found = drain.found_in([*trips, *rows], distances)

    assert [(aim.text.partition(",")[0], aim.wanted, aim.reached) for aim in found.aims] == [
        ("at 0.5 ms", 60.0, 40.0),
        ("at 0.5 ms", 0.75, 0.5),
    ]
    assert [table.title for table in found.tables] == [
        f"A round trip of {distance:g} ms (`select 1` takes {distance + 0.25:.2f} ms):" for distance in distances
    ]
    for table in found.tables:
        assert [each.facts["peer"] for each in table.rows] == [peer for peer in PEERS for _ in (10, 100)]
        assert [each.figures["multiple"].median for each in table.rows[:2]] == [4, 20]
        assert "stores 40.0 times what the original does" in table.note[-1]


def test_the_largest_table_is_held_against_the_empty_one() -> None:
    rows = [
        row(rate, ids=ids, rows=rows)
        for ids in ("UUIDv4", "UUIDv7", "derived")
        for rows, rate in ((0, 100.0), (1000, 10.0), (2000, 80.0))
    ]

    assert [aim.reached for aim in growth.found_in(rows).aims] == [0.8, 0.8]


def test_what_was_found_is_written_as_json_and_a_setting_keeps_its_name() -> None:
    table = Table({}, [Measured({"starter": "ours"}, {"import_ms": Spread(1.0, 0.5, 2.0)})])
    found = Found([table], [Aim("speed", 1.0, 2.0)])

    document = command._document(found, {"max_wal_size": "2GB"}, began=0.0, load=1.0)

    assert json.loads(json.dumps(document)) == document
    assert document["results"] == [{"starter": "ours", "importMs": {"median": 1.0, "least": 0.5, "most": 2.0}}]
    assert document["aims"] == [{"text": "speed", "wanted": 1.0, "reached": 2.0, "atMost": False, "met": True}]
    assert document["machine"]["began"] == "1970-01-01T00:00:00Z"
    assert document["machine"]["settings"] == {"max_wal_size": "2GB"}


def test_a_punch_without_an_id_has_an_instant_of_its_own() -> None:
    bodies = [json.loads(record["body"]) for record in event(2, None)["Records"]]

    assert [body.keys() for body in bodies] == [{"ponto", "usuarioId", "offline"}] * 2


def test_of_a_company_at_present_its_employees_punch_each_at_an_instant_of_its_own() -> None:
    bodies = [json.loads(record["body"]) for record in event(50, uuid7, employees=3, at_present=True)["Records"]]

    assert {body["usuarioId"] for body in bodies} == {1, 2, 3}
    assert len({body["ponto"] for body in bodies}) == 50


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


@pytest.mark.parametrize(
    ("words", "parts", "sizes"),
    [
        (
            "",
            list(PARTS),
            {"punches": 100_000, "batch": (10, 100, 1_000), "rounds": 5, "millions": (1, 10)},
        ),
        # Quick is small, and can be overruled.
        ("cold drain --quick --rounds 2", ["drain", "cold"], {"punches": 2_000, "rounds": 2, "starts": 1}),
        # Sizes that are given twice are measured once.
        (
            "--batch 100 --batch 10 --batch 100 --millions 2 --millions 0.5",
            list(PARTS),
            {"batch": (10, 100), "millions": (0.5, 2.0)},
        ),
        # At a distance the batches are the original's and the handler's, unless others are given.
        (
            "drain --distance 2.5 --distance 0 --distance 2.5",
            ["drain"],
            {"distance": (0, 2.5), "batch": (10, 100)},
        ),
        ("drain --distance 2.5 --batch 50", ["drain"], {"batch": (50,)}),
    ],
)
def test_words_say_which_parts_are_measured_and_how_much_of_each(
    monkeypatch: pytest.MonkeyPatch, words: str, parts: list[str], sizes: dict[str, object]
) -> None:
    asked: list[tuple[Sequence[str], Sizes]] = []

    def measured(parts: Sequence[str], sizes: Sizes, *_: object, shown: bool) -> dict[str, Any]:
        assert shown
        asked.append((parts, sizes))
        return {}

    monkeypatch.setattr(command, "_measured", measured)

    assert command.main(words.split()) == 0

    ((found, how_much),) = asked
    assert found == parts
    assert {name: getattr(how_much, name) for name in sizes} == sizes


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
