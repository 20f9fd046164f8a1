"""PostgreSQL's log has no values of failed punches if the server has the documented settings."""

import re
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psycopg2
import pytest

from ponto.drain.store import Store
from ponto.punch import EVENT
from ponto.schema.migrations import migrate
from tests.postgres.servers import Server
from tests.postgres.storing import QUICK, TEXTS, entry
from tests.waiting import wait_for
from tools.kit import event
from tools.kit.project import ROOT

DOCUMENT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
SETTINGS = re.findall(r"^alter system set (log_\w+) = ('?\w+'?);$", DOCUMENT, re.MULTILINE)
DEFAULT_SETTINGS = [
    ("log_min_error_statement", "error"),
    ("log_error_verbosity", "'default'"),  # unquoted, default would reset the setting
    ("log_parameter_max_length_on_error", "-1"),
    ("log_statement", "none"),
]

SECRET: dict[str, Any] = {
    EVENT.subject: event.subject(4_242_424_242),
    EVENT.instant: datetime(2031, 7, 8, 9, 10, 11, tzinfo=UTC),
    **{
        column: 12.3456789
        for column, field in EVENT.fields.items()
        if field.kind.type == "number"
        and field.kind.keywords["minimum"] <= 12.3456789 <= field.kind.keywords["maximum"]
    },
    **dict.fromkeys(TEXTS, "UNSEEN"),
}
"""Valid values that are found in a log only if it quotes the punch."""
SECRET_PATTERN = re.compile(rf"{event.subject(4_242_424_242)}|2031-07-08|12\.3456789|UNSEEN")


def configure(server: Server, settings: list[tuple[str, str]]) -> None:
    for name, value in settings:
        server.execute(f"alter system set {name} = {value}")
    server.execute("select pg_reload_conf()")
    wait_for(
        lambda: all(server.execute(f"show {name}") == [(value.strip("'"),)] for name, value in settings), "the settings"
    )


MESSAGES = {
    "canceling statement due to lock timeout",
    'invalid input syntax for type uuid: "x"',
    'new row for relation "batida" violates check constraint "newer"',
}


def fail_in_three_ways(store: Store, server: Server) -> None:
    arguments: dict[str, Any] = server.as_superuser("master")
    with closing(psycopg2.connect(**arguments)) as other, other.cursor() as cursor:
        cursor.execute("lock table batida in access exclusive mode")
        store.save([entry(**SECRET)])
    store.save([entry(**SECRET, id="x")])
    server.execute("alter table batida add constraint newer check (false) not valid", "master")
    store.save([entry(**SECRET)])


@pytest.mark.parametrize(
    ("settings", "has_values"),
    [(SETTINGS, False), (DEFAULT_SETTINGS, True)],
    ids=["documented settings", "default settings"],
)
def test_log_has_no_values_of_failed_punches(
    server: Server, settings: list[tuple[str, str]], *, has_values: bool
) -> None:
    migrate(server.create_owner("master"), "America/Sao_Paulo")
    configure(server, settings)
    before = len(server.log.read_text(errors="replace"))
    try:
        with closing(
            Store(lambda: server.as_superuser("master"), QUICK)
        ) as store:  # gets the errors of the drain's role
            fail_in_three_ways(store, server)
    finally:
        server.execute("alter system reset all")
        server.execute("select pg_reload_conf()")

    lines = server.log.read_text(errors="replace")[before:]
    assert all(message in lines for message in MESSAGES)
    assert bool(SECRET_PATTERN.search(lines)) is has_values
    assert ("STATEMENT:" in lines) is has_values
