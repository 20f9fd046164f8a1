"""PostgreSQL's log has no values of failed punches if the server has the documented settings."""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psycopg2
import pytest

from ponto.admin.migrations import migrate
from ponto.punch import EVENT
from ponto.store import Store
from tests.postgres.servers import Server
from tests.postgres.storing import QUICK, add_punch, entry, fill_texts
from tests.waiting import wait_for
from tools.kit.project import ROOT

DOCUMENT = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
SETTINGS = re.findall(r"^alter system set (log_\w+) = ('?\w+'?);$", DOCUMENT, re.MULTILINE)
DEFAULT_SETTINGS = [
    ("log_min_error_statement", "error"),
    ("log_error_verbosity", "'default'"),  # unquoted, default would reset the setting
    ("log_parameter_max_length_on_error", "-1"),
    ("log_statement", "none"),
]

SECRET: dict[str, Any] = {
    EVENT.subject: 4_242_424_242,
    EVENT.instant: datetime(2031, 7, 8, 9, 10, 11, tzinfo=UTC),
    **{
        column: 12.3456789
        for column, field in EVENT.fields.items()
        if field.kind.type == "number"
        and field.kind.keywords["minimum"] <= 12.3456789 <= field.kind.keywords["maximum"]
    },
    **fill_texts("UNSEEN"),
}
"""Valid values that are found in a log only if it quotes the punch."""
SECRET_PATTERN = re.compile(r"4242424242|2031-07-08|12\.3456789|UNSEEN")

Log = Callable[[], str]


def configure(server: Server, settings: list[tuple[str, str]]) -> None:
    for name, value in settings:
        server.execute(f"alter system set {name} = {value}")
    server.execute("select pg_reload_conf()")
    wait_for(
        lambda: all(server.execute(f"show {name}") == [(value.strip("'"),)] for name, value in settings), "the settings"
    )


@pytest.fixture
def settings() -> list[tuple[str, str]]:
    """Return the server's settings, by default the documented ones."""
    return SETTINGS


@pytest.fixture
def store(server: Server, settings: list[tuple[str, str]]) -> Iterator[Store]:
    """Yield the function's store, connected to a server with these settings."""
    owner = server.create_owner("master")
    migrate(owner, "America/Sao_Paulo")
    configure(server, settings)
    parameters = server.as_superuser("master")  # gets the same errors as the function's role
    with closing(Store(lambda: parameters, QUICK)) as store:
        yield store
    for name, _ in settings:
        server.execute(f"alter system reset {name}")
    server.execute("select pg_reload_conf()")


@pytest.fixture
def log(server: Server, store: Store) -> Log:  # noqa: ARG001  the store is created before the log is read
    """Return a function that reads the log lines written during the test."""
    before = len(server.log.read_text(errors="replace"))
    return lambda: server.log.read_text(errors="replace")[before:]


def break_check(store: Store, server: Server) -> None:
    server.execute(f"alter table batida add constraint newer check ({EVENT.subject} < 1000) not valid", "master")
    store.save([entry(**SECRET)])


def wait_for_a_lock(store: Store, server: Server) -> None:
    arguments: dict[str, Any] = server.as_superuser("master")
    with closing(psycopg2.connect(**arguments)) as other, other.cursor() as cursor:
        cursor.execute("lock table batida in access exclusive mode")
        store.save([entry(**SECRET)])


def send_a_bad_value(store: Store, _: Server) -> None:
    store.save([entry(**SECRET | {EVENT.subject: 2**63})])


def repeat_an_id(_: Store, server: Server) -> None:
    arguments = server.as_superuser("master")
    row = {EVENT.subject: SECRET[EVENT.subject], EVENT.instant: SECRET[EVENT.instant], "id": str(uuid.UUID(int=1))}
    add_punch(arguments, **row)
    with pytest.raises(psycopg2.errors.UniqueViolation):
        add_punch(arguments, **row)


FAILURES = {
    "canceling statement due to lock timeout": wait_for_a_lock,
    'value "9223372036854775808" is out of range for type bigint': send_a_bad_value,
    'duplicate key value violates unique constraint "batida_pkey"': repeat_an_id,
    'new row for relation "batida" violates check constraint "newer"': break_check,  # last: it refuses later rows
}


@pytest.mark.parametrize(
    "settings", [SETTINGS, DEFAULT_SETTINGS], ids=["documented settings", "default settings, with values"]
)
def test_log_has_no_values_of_a_failed_punch(
    server: Server, store: Store, log: Log, settings: list[tuple[str, str]]
) -> None:
    seen = 0
    for message, fail in FAILURES.items():
        fail(store, server)

        lines = log()[seen:]
        seen += len(lines)
        assert message in lines
        assert bool(SECRET_PATTERN.findall(lines)) is (settings == DEFAULT_SETTINGS), message
        assert ("STATEMENT" in lines.replace("LOG:  statement: alter table", "")) is (settings == DEFAULT_SETTINGS), (
            message
        )
