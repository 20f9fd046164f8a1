"""The function's password: set by the schema function, fetched once, and fetched again after a rotation."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from psycopg2.extensions import make_dsn

from ponto.schema.owner import MigrationError
from tests.events import DeadLetterQueue, Record, aws, new_punch
from tests.functions import Functions
from tests.postgres.servers import Server

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

OWNER, DRAIN = "owner's", "drain's"  # names of secrets


class System:
    """A database with passwords, the secrets that hold them, and the functions."""

    def __init__(self, server: Server) -> None:
        self.fetched: list[str] = []  # names of secrets
        self.queue = DeadLetterQueue()
        self.server = server
        self._secrets: SecretsManagerClient = boto3.client("secretsmanager")
        self._arns = {name: self._secrets.create_secret(Name=name, SecretString="{}")["ARN"] for name in (OWNER, DRAIN)}
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
        """Replace the value of a secret, as a rotation does."""
        content = json.dumps({"username": user, "password": password})
        self._secrets.put_secret_value(SecretId=self._arns[name], SecretString=content)

    def apply_schema(self) -> Any:
        """Call the schema function."""
        self.functions.environment |= {"DB_SECRET_ARN": self._arns[OWNER], "DRAIN_SECRET_ARN": self._arns[DRAIN]}
        return self.functions.call("schema", {})

    def deliver(self, *records: Record) -> list[str]:
        """Call the drain; return the ids of the failed messages."""
        self.functions.environment["DB_SECRET_ARN"] = self._arns[DRAIN]
        return self.functions.deliver(*records)


@pytest.fixture
def system(server: Server) -> Iterator[System]:
    with aws():
        yield System(server)


def test_secret_of_the_function_cannot_set_passwords_of_other_roles(system: System) -> None:
    system.apply_schema()
    for name in ("master", "ponto_reader", ""):
        system.put_secret(DRAIN, name, "CANARY-2")
        with pytest.raises(MigrationError, match=f"has the username {name!r}; it must be ponto_d") as caught:
            system.apply_schema()
        assert "CANARY" not in str(caught.value)


def test_password_is_fetched_once_and_again_after_a_rotation(system: System) -> None:
    assert system.apply_schema()["applied"]
    assert system.apply_schema() == {"applied": [], "notices": ["password set: ponto_drain"]}
    assert system.fetched == [OWNER, DRAIN] * 2
    system.fetched.clear()
    assert system.deliver(new_punch()) == []
    system.server.end_sessions()
    assert system.deliver(new_punch()) == []
    assert system.fetched == [DRAIN]

    system.put_secret(DRAIN, "ponto_drain", "CANARY-2")
    system.apply_schema()
    assert system.deliver(new_punch()) == []  # open connections stay valid
    system.server.end_sessions()
    system.fetched.clear()
    assert system.deliver(new_punch()) == []

    assert system.fetched == [DRAIN]
    assert system.server.execute("select count(*) from batida", "master") == [(4,)]
    log = system.functions.log.getvalue()
    assert {json.loads(line)["failed"] for line in log.splitlines()} == {0}
    assert "CANARY" not in log
