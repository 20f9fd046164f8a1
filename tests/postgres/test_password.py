"""The function's password: set by the schema function, fetched once, and again when it has been rotated."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from psycopg2.extensions import make_dsn

from ponto.admin.owner import MigrationError
from tests.events import DeadLetterQueue, Record, aws, new_punch
from tests.functions import Functions
from tests.postgres.servers import Server

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

OWNER, FUNCTION, READER = "owner's", "function's", "reports'"  # secrets


class System:
    """A database whose users need passwords, the secrets that hold them, and the functions."""

    def __init__(self, server: Server) -> None:
        self.fetched: list[str] = []  # names of secrets
        self.queue = DeadLetterQueue()
        self._server = server
        self._secrets: SecretsManagerClient = boto3.client("secretsmanager")
        self._arns: dict[str, str] = {}
        owner = server.create_owner("master")
        self.put_secret(OWNER, "master", "master")
        self.put_secret(FUNCTION, "ponto_function", "CANARY-1")
        self.functions = Functions(make_dsn(host=owner["host"], dbname=owner["dbname"]), "")
        self.functions.environment["DLQ_URL"] = self.queue.url
        session: Any = boto3.DEFAULT_SESSION
        session.events.register("provide-client-params.secrets-manager.GetSecretValue", self._fetch)

    def _fetch(self, params: dict[str, str], **_: object) -> None:
        self.fetched += [name for name, arn in self._arns.items() if arn == params["SecretId"]]

    def put_secret(self, name: str, user: str, password: str) -> None:
        """Write a secret, as a rotation does."""
        content = json.dumps({"username": user, "password": password})
        if name in self._arns:
            self._secrets.put_secret_value(SecretId=self._arns[name], SecretString=content)
        else:
            self._arns[name] = self._secrets.create_secret(Name=name, SecretString=content)["ARN"]

    def _use(self, secret: str, **others: str) -> None:
        """Set the environment of the function that has a secret."""
        arns = {"DB_SECRET_ARN": self._arns[secret], "FUNCTION_SECRET_ARN": "", "READ_SECRET_ARN": ""}
        self.functions.environment |= arns | others

    def apply_schema(self) -> Any:
        """Call the schema function."""
        self._use(OWNER, FUNCTION_SECRET_ARN=self._arns[FUNCTION], READ_SECRET_ARN=self._arns.get(READER, ""))
        return self.functions.call("schema", {})

    def deliver(self, *records: Record) -> list[str]:
        """Call the drain; return the ids of the messages that come back."""
        self._use(FUNCTION)
        return self.functions.deliver(*records)

    def read(self) -> str:
        """Call the function that reads; return why it does not, or nothing."""
        self._use(READER)
        return str(self.functions.call("read", {"read": {"zone": {}}, "timeout": 0}).get("why", ""))

    def end_sessions(self) -> None:
        """End what the function has open, as idling does."""
        self._server.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename ~ '^ponto_'")

    def stored(self) -> int:
        return int(self._server.execute("select count(*) from batida", "master")[0][0])


@pytest.fixture
def system(server: Server) -> Iterator[System]:
    with aws():
        yield System(server)


def test_the_schema_function_gives_the_other_its_password_and_each_fetches_its_own_only(system: System) -> None:
    assert system.apply_schema()["applied"]
    assert system.apply_schema() == {"applied": [], "notices": ["password set: ponto_function"]}
    assert system.fetched == [OWNER, FUNCTION] * 2
    system.fetched.clear()

    for _ in range(3):
        assert system.deliver(new_punch()) == []
        system.end_sessions()

    assert system.fetched == [FUNCTION]  # once, however many connections
    assert system.stored() == 3


def test_a_stage_that_had_no_function_that_reads_gets_its_password_with_the_next_schema(system: System) -> None:
    system.apply_schema()
    system.put_secret(READER, "ponto_reader", "CANARY-R")
    assert system.read() == "sign-in"

    assert system.apply_schema() == {
        "applied": [],
        "notices": [f"password set: ponto_{of}" for of in ("function", "reader")],
    }

    assert system.read() == ""
    assert "CANARY" not in system.functions.log.getvalue()


def test_whoever_writes_the_functions_secret_sets_nobody_elses_password(system: System) -> None:
    system.apply_schema()
    for name in ("master", "ponto_reader", "PONTO_FUNCTION", ""):
        system.put_secret(FUNCTION, name, "CANARY-2")
        with pytest.raises(MigrationError, match=f"has the username {name!r}; it must be ponto_f") as caught:
            system.apply_schema()
        assert "CANARY" not in str(caught.value)

    system.put_secret(FUNCTION, "ponto_function", "CANARY-1")
    system.apply_schema()  # as the owner, whose password is the same


def test_a_rotated_password_costs_a_running_function_no_failure(system: System) -> None:
    system.apply_schema()
    assert system.deliver(new_punch()) == []

    for number in (2, 3):
        system.put_secret(FUNCTION, "ponto_function", f"CANARY-{number}")
        system.apply_schema()
        assert system.deliver(new_punch()) == []  # what is open stays so
        system.end_sessions()
        system.fetched.clear()
        assert system.deliver(new_punch(), new_punch()) == []
        assert system.fetched == [FUNCTION]

    assert system.stored() == 7
    assert system.queue.dead_letters() == []
    log = system.functions.log.getvalue()
    assert {json.loads(line)["failed"] for line in log.splitlines()} == {0}
    assert "CANARY" not in log
