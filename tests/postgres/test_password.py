"""The function's password: set by the schema function, fetched once, and fetched again after a rotation."""

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

OWNER, DRAIN, READER = "owner's", "drain's", "reports'"  # names of secrets


class System:
    """A database with passwords, the secrets that hold them, and the functions."""

    def __init__(self, server: Server) -> None:
        self.fetched: list[str] = []  # names of secrets
        self.queue = DeadLetterQueue()
        self._server = server
        self._secrets: SecretsManagerClient = boto3.client("secretsmanager")
        self._arns: dict[str, str] = {}
        owner = server.create_owner("master")
        self.put_secret(OWNER, "master", "master")
        self.put_secret(DRAIN, "ponto_drain", "CANARY-1")
        self.functions = Functions(make_dsn(host=owner["host"], dbname=owner["dbname"]), "")
        self.functions.environment["DLQ_URL"] = self.queue.url
        session: Any = boto3.DEFAULT_SESSION
        session.events.register("provide-client-params.secrets-manager.GetSecretValue", self._fetch)

    def _fetch(self, params: dict[str, str], **_: object) -> None:
        self.fetched += [name for name, arn in self._arns.items() if arn == params["SecretId"]]

    def put_secret(self, name: str, user: str, password: str) -> None:
        """Create or replace the value of a secret, as a rotation does."""
        content = json.dumps({"username": user, "password": password})
        if name in self._arns:
            self._secrets.put_secret_value(SecretId=self._arns[name], SecretString=content)
        else:
            self._arns[name] = self._secrets.create_secret(Name=name, SecretString=content)["ARN"]

    def _use(self, secret: str, **others: str) -> None:
        """Set the environment of the function that uses a secret."""
        arns = {"DB_SECRET_ARN": self._arns[secret], "DRAIN_SECRET_ARN": "", "READ_SECRET_ARN": ""}
        self.functions.environment |= arns | others

    def apply_schema(self) -> Any:
        """Call the schema function."""
        self._use(OWNER, DRAIN_SECRET_ARN=self._arns[DRAIN], READ_SECRET_ARN=self._arns.get(READER, ""))
        return self.functions.call("schema", {})

    def deliver(self, *records: Record) -> list[str]:
        """Call the drain; return the ids of the failed messages."""
        self._use(DRAIN)
        return self.functions.deliver(*records)

    def read(self) -> str:
        """Call the function `read`; return its error code, or an empty string."""
        self._use(READER)
        return str(self.functions.call("read", {"read": {"zone": {}}, "timeout": 0}).get("why", ""))

    def end_sessions(self) -> None:
        """End the functions' database sessions, as an idle timeout does."""
        self._server.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename ~ '^ponto_'")

    def stored(self) -> int:
        return int(self._server.execute("select count(*) from batida", "master")[0][0])


@pytest.fixture
def system(server: Server) -> Iterator[System]:
    with aws():
        yield System(server)


def test_schema_function_sets_the_password_and_each_function_fetches_its_secret(system: System) -> None:
    assert system.apply_schema()["applied"]
    assert system.apply_schema() == {"applied": [], "notices": ["password set: ponto_drain"]}
    assert system.fetched == [OWNER, DRAIN] * 2
    system.fetched.clear()

    for _ in range(3):
        assert system.deliver(new_punch()) == []
        system.end_sessions()

    assert system.fetched == [DRAIN]  # once for all connections
    assert system.stored() == 3


def test_secret_of_the_function_cannot_set_passwords_of_other_roles(system: System) -> None:
    system.apply_schema()
    for name in ("master", "ponto_reader", "PONTO_FUNCTION", ""):
        system.put_secret(DRAIN, name, "CANARY-2")
        with pytest.raises(MigrationError, match=f"has the username {name!r}; it must be ponto_d") as caught:
            system.apply_schema()
        assert "CANARY" not in str(caught.value)

    system.put_secret(DRAIN, "ponto_drain", "CANARY-1")
    system.apply_schema()  # as the owner, whose password is the same


def test_rotated_password_causes_no_failure_of_a_running_function(system: System) -> None:
    system.apply_schema()
    assert system.deliver(new_punch()) == []

    for number in (2, 3):
        system.put_secret(DRAIN, "ponto_drain", f"CANARY-{number}")
        system.apply_schema()
        assert system.deliver(new_punch()) == []  # open connections stay valid
        system.end_sessions()
        system.fetched.clear()
        assert system.deliver(new_punch(), new_punch()) == []
        assert system.fetched == [DRAIN]

    assert system.stored() == 7
    assert system.queue.dead_letters() == []
    log = system.functions.log.getvalue()
    assert {json.loads(line)["failed"] for line in log.splitlines()} == {0}
    assert "CANARY" not in log
