"""The function's password: made by the schema function, fetched once, and again when it has been rotated."""

import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import boto3
import psycopg2
import psycopg2.extensions
import pytest
from psycopg2.extensions import parse_dsn

import handler
from ponto import config
from ponto.admin.roles import NotTheFunction
from ponto.connection import Timeouts
from ponto.records import Record
from ponto.store import Outcome, Status, Store
from tests.events import Context, DeadLetterQueue, aws, record, sqs_event
from tests.postgres.conftest import Server
from tests.postgres.test_store import entry

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

OWNER, FUNCTION = "owner's", "function's"  # secrets
REFUSED = 'FATAL:  password authentication failed for user "ponto_function"'


class System:
    """A database whose users need passwords, the secrets that hold them, and the two functions."""

    def __init__(self, server: Server, environment: pytest.MonkeyPatch) -> None:
        self.fetched: list[str] = []  # user names, as they are fetched
        self.queue = DeadLetterQueue()
        self._server = server
        self._environment = environment
        self._secrets: SecretsManagerClient = boto3.client("secretsmanager")
        self._arns: dict[str, str] = {}
        owner = server.owner("master")
        self.put(OWNER, "master", "master")
        self.put(FUNCTION, "ponto_function", "CANARY-1")
        for name, value in {
            "DB_HOST": owner["host"],
            "DB_NAME": owner["dbname"],
            "DB_USER": "",
            "DB_PASSWORD": "",
            "DLQ_URL": self.queue.url,
            "TIME_ZONE": "America/Sao_Paulo",
        }.items():
            environment.setenv(name, value)
        login = config.login

        def counted(arn: str) -> config.Login:
            found = login(arn)
            self.fetched.append(found.user)
            return found

        environment.setattr(config, "login", counted)

    def put(self, name: str, user: str, password: str) -> None:
        """Write a secret, as a rotation does."""
        content = json.dumps({"username": user, "password": password})
        if name in self._arns:
            self._secrets.put_secret_value(SecretId=self._arns[name], SecretString=content)
        else:
            self._arns[name] = self._secrets.create_secret(Name=name, SecretString=content)["ARN"]

    def apply_schema(self) -> dict[str, list[str]]:
        """Invoke the schema function."""
        self._environment.setenv("DB_SECRET_ARN", self._arns[OWNER])
        self._environment.setenv("FUNCTION_SECRET_ARN", self._arns[FUNCTION])
        return handler.schema({}, Context())

    def deliver(self, *records: Record) -> list[str]:
        """Invoke the function that drains; return the ids of the messages that come back."""
        self._environment.setenv("DB_SECRET_ARN", self._arns[FUNCTION])
        self._environment.delenv("FUNCTION_SECRET_ARN", raising=False)
        response = handler.main(sqs_event(*records), Context())
        return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]

    def end_sessions(self) -> None:
        """End what the function has open, as idling does."""
        self._server.ask("select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename ~ '^ponto_'")

    def stored(self) -> int:
        return int(self._server.ask("select count(*) from batida", "master")[0][0])


@pytest.fixture
def system(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    monkeypatch.setitem(sys.modules, "rds_config", None)
    handler.consumer.cache_clear()
    with aws():
        yield System(server, monkeypatch)
        handler.consumer.cache_clear()


def punch() -> Record:
    return record(json.dumps({"id": str(uuid.uuid4()), "usuarioId": 1, "ponto": "2026-10-01T08:00:00Z"}))


def test_the_schema_function_gives_the_other_its_password_and_each_fetches_its_own_only(system: System) -> None:
    assert system.apply_schema()["applied"]
    assert system.apply_schema() == {"applied": [], "notices": ["password set: ponto_function"]}
    assert system.fetched == ["master", "ponto_function"] * 2
    system.fetched.clear()

    for _ in range(3):
        assert system.deliver(punch()) == []
        system.end_sessions()

    assert system.fetched == ["ponto_function"]  # once, however many connections
    assert system.stored() == 3


def test_whoever_writes_the_functions_secret_sets_nobody_elses_password(system: System) -> None:
    system.apply_schema()
    for name in ("master", "ponto_reports", "PONTO_FUNCTION", ""):
        system.put(FUNCTION, name, "CANARY-2")
        with pytest.raises(NotTheFunction, match=f"has the username {name!r}; it must be ponto_f") as caught:
            system.apply_schema()
        assert "CANARY" not in str(caught.value)

    system.put(FUNCTION, "ponto_function", "CANARY-1")
    system.apply_schema()  # as the owner, whose password is the same


def test_a_rotated_password_costs_a_running_function_no_failure(
    system: System, capfd: pytest.CaptureFixture[str]
) -> None:
    system.apply_schema()
    assert system.deliver(punch()) == []

    for number in (2, 3):
        system.put(FUNCTION, "ponto_function", f"CANARY-{number}")
        system.apply_schema()
        assert system.deliver(punch()) == []  # what is open stays so
        system.end_sessions()
        system.fetched.clear()
        assert system.deliver(punch(), punch()) == []
        assert system.fetched == ["ponto_function"]

    assert system.stored() == 7
    assert system.queue.dead_letters() == []
    out, err = capfd.readouterr()
    assert {json.loads(line)["failed"] for line in out.splitlines()} == {0}
    assert "CANARY" not in out + err


def test_while_the_secret_is_ahead_of_the_database_batches_wait_and_are_stored_once_it_follows(
    system: System, capfd: pytest.CaptureFixture[str]
) -> None:
    system.apply_schema()
    system.deliver(punch())
    system.put(FUNCTION, "ponto_function", "CANARY-2")
    batch = [punch(), punch()]
    for each in batch:
        each["attributes"]["ApproximateReceiveCount"] = "200"
    assert system.deliver(punch()) == []  # with the password that it has
    handler.consumer.cache_clear()  # a cold start

    for _ in range(3):
        assert sorted(system.deliver(*batch)) == sorted(each["messageId"] for each in batch)

    system.apply_schema()
    assert system.deliver(*batch) == []
    assert system.stored() == 4
    assert system.queue.dead_letters() == []
    out, err = capfd.readouterr()
    assert "password authentication failed" in out
    assert "CANARY" not in out + err


# Within its time


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give the seconds that each connection may take; all but the first fail after 0.1 s."""
    connect: Callable[..., psycopg2.extensions.connection] = psycopg2.connect
    tries: list[int] = []

    def fail(*dsn: str, **arguments: Any) -> psycopg2.extensions.connection:
        if arguments.get("application_name") != "batidaPonto":  # the test's own
            return connect(*dsn, **arguments)
        tries.append(arguments["connect_timeout"])
        if len(tries) == 1:
            return connect(**arguments)
        time.sleep(0.1)
        raise psycopg2.OperationalError(REFUSED)

    monkeypatch.setattr(psycopg2, "connect", fail)
    return tries


def used(parameters: Callable[[], dict[str, str]], connect_s: int) -> Store:
    """Give a store that has had a connection, and needs another."""
    store = Store(parameters, Timeouts(connect_s=connect_s, try_s=connect_s))
    assert store.save([entry()]) == [Outcome(Status.STORED)]
    store.close()
    return store


@pytest.mark.parametrize("limit", ["timeouts", "deadline"])
def test_both_tries_share_the_time_of_one(migrated_url: str, tries: list[int], limit: str) -> None:
    passwords = iter(["one", "two", "three"])
    store = used(
        lambda: parse_dsn(migrated_url) | {"password": next(passwords)}, connect_s=5 if limit == "timeouts" else 40
    )

    [outcome] = store.save([entry()], time.monotonic() + (5.5 if limit == "deadline" else 40))

    assert outcome.status is Status.FAILED
    assert tries[1:] == [5, 4]


def test_with_no_time_for_another_try_no_password_is_fetched(migrated_url: str, tries: list[int]) -> None:
    passwords = iter(["one"])
    store = used(lambda: parse_dsn(migrated_url) | {"password": next(passwords)}, connect_s=2)

    [outcome] = store.save([entry()])

    assert outcome == Outcome(Status.FAILED, f"OperationalError: {REFUSED}")
    assert tries[1:] == [2]


def test_the_same_password_is_not_tried_twice(migrated_url: str, tries: list[int]) -> None:
    store = used(lambda: parse_dsn(migrated_url), connect_s=5)

    [outcome] = store.save([entry()])

    assert outcome == Outcome(Status.FAILED, f"OperationalError: {REFUSED}")
    assert len(tries) == 2


@pytest.mark.usefixtures("tries")
def test_when_the_password_cannot_be_fetched_again_both_reasons_are_told(migrated_url: str) -> None:
    def refuse() -> NoReturn:
        raise LookupError("no secret")

    answers: Iterator[Callable[[], dict[str, str]]] = iter([lambda: parse_dsn(migrated_url), refuse])
    store = used(lambda: next(answers)(), connect_s=5)

    [outcome] = store.save([entry()])

    assert outcome == Outcome(Status.FAILED, f"cannot connect to the database: LookupError: no secret, after {REFUSED}")
