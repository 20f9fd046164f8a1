"""Each command's tables in a terminal of 80 columns: none is wider, and what people look for is whole.

`ponto plan`'s are in test_plan.py.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from loadtest import summary
from ponto.event import TIME_COLUMNS
from ponto.punch import FIELDS
from tests.events import punch
from tests.widths import assert_fits
from tools.dlq import command as dlq
from tools.keys import command as keys
from tools.kit import tables
from tools.kit.dead_letters import DeadLetter, Way, reasons
from tools.kit.event import SHOWN
from tools.kit.rows import KeyRow
from tools.local import rows

ID = "3f2c5a52-5b1c-4f63-9d0b-1f6f0d7e9a11"
EMPLOYEE = 9007199254740991
NAME = "Maria Aparecida dos Santos Cavalcanti"
DEVICE = "navegador da portaria 3f2c5a52-5b1c-4f63"
AT = datetime(2026, 11, 23, 11, 3, 7, tzinfo=UTC)
ZONE = ZoneInfo("America/Sao_Paulo")
RUN = {
    "plan": "punches",
    "model": "closed model, 200 users",
    "latency_ms": dict.fromkeys(("average", "min", "p50", "p95", "p99", "max"), 1_559_000),
    **dict.fromkeys(("requests", "accepted", "repeats", "refused", "errors", "stored", "dead_letters"), 20_000_000),
    **dict.fromkeys(
        ("missing", "stored_twice", "stored_unanswered", "seconds", "requests_per_second", "load_average"), 1_000.0
    ),
    "drain_lag_seconds": 10_000.0,
}


def list_dead_letters() -> None:
    dlq.print_table(
        DeadLetter(
            ID, Way.REJECTED, reason, "ponto: must be " + "a time " * 20, ID, 1_795_000_000_123, 30, body, {}, {}
        )
        for reason in reasons()
        for body in (punch(EMPLOYEE), "{")
    )


def list_keys() -> None:
    tables.show(keys._KEYS, [("gate-" + "1" * 59, "a1b2c3d4e5", "yes", "10", "20", "10000", "10000")])


def list_rows_of_a_key() -> None:
    tables.show(keys._PUNCHES, [keys.cells(KeyRow("a1b2c3d4e5", ID, 123456, AT.astimezone(ZONE), DEVICE, AT))])


def list_rows() -> None:
    shown = {
        name: "2026-11-23 08:03:07.123456-03"
        if name in TIME_COLUMNS
        else DEVICE
        if "maxLength" in FIELDS[name].limits
        else "123456"
        for name in SHOWN
    }
    tables.show(rows._COLUMNS, [(ID, *shown.values(), "0.1 s")])


def load() -> None:
    summary.draw([RUN, RUN | {"model": "open model, 200 arrivals a second"}])


COMMANDS: dict[str, tuple[Callable[[], None], list[str]]] = {
    "ponto dlq list": (list_dead_letters, [ID, str(EMPLOYEE), "2026-11-18 11:06:40Z", *reasons()]),
    "ponto keys list": (list_keys, ["a1b2c3d4e5"]),
    "ponto keys rows": (list_rows_of_a_key, [ID, "123456", "2026-11-23 08:03:07-03:00"]),
    "make rows": (list_rows, [ID, "123456", "2026-11-23 08:03:07.123456-03"]),
    "make loadtest": (load, ["20,000,000", "the"]),
}


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
@pytest.mark.parametrize(("draw", "wanted"), COMMANDS.values(), ids=COMMANDS.keys())
def test_a_table_fits_80_columns_and_cuts_nothing(
    draw: Callable[[], None],
    wanted: list[str],
    terminal: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert_fits(draw, wanted, capsys, monkeypatch, terminal=terminal)
