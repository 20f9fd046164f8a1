"""Login with IAM tokens, which a fake RDS checks as AWS does."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import make_dsn

from tests.database import ROLES, migrations
from tests.events import DeadLetterQueue, Record, aws, new_punch
from tests.functions import Functions
from tests.postgres.rds import HOST, REGION, Key, Rds
from tests.postgres.servers import Server
from tests.postgres.tls import Authority
from tests.waiting import wait_for

OWNER, DRAIN, READER = "master", "ponto_drain", "ponto_reader"
SESSION_TOKEN = "CANARY/+=" * 230  # 2,070 characters
IAM_NOTICES = [f"NOTICE:  logs in with IAM tokens: {role}" for role in sorted(ROLES)]


class System:
    """A database with IAM login, as AWS creates it, and the functions, each with separate credentials."""

    def __init__(self, rds: Rds, certificates: Path) -> None:
        self.rds = rds
        self.queue = DeadLetterQueue()
        rds.server.create_owner(OWNER)
        rds.server.execute(f"create role rds_iam nologin; grant rds_iam to {OWNER} with admin option")
        for role in (OWNER, DRAIN, READER):
            rds.keys[f"ASIA{role.upper()}"] = Key(f"CANARY-{role}", SESSION_TOKEN, frozenset({role}))
        self.functions = Functions(make_dsn(host=HOST, dbname=OWNER), "")
        self.environment = self.functions.environment
        self.environment |= {
            "DB_PORT": str(rds.port),
            "DB_LOGIN": "iam",
            "DB_SSLROOTCERT": str(certificates),
            "DLQ_URL": self.queue.url,
            "AWS_REGION": REGION,
        }

    def sign_in_as(self, role: str) -> None:
        """Set a function's environment, with the credentials of its role."""
        access_key = f"ASIA{role.upper()}"
        key = self.rds.keys[access_key]
        self.environment |= {
            "DB_USER": role,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": key.secret,
            "AWS_SESSION_TOKEN": key.session_token,
        }

    def apply_schema(self) -> Any:
        """Call the schema function."""
        self.sign_in_as(OWNER)
        return self.functions.call("schema", {})

    def deliver(self, *records: Record) -> list[str]:
        """Call the drain; return the ids of the failed messages."""
        self.sign_in_as(DRAIN)
        return self.functions.deliver(*records)


@pytest.fixture
def system(server: Server, tmp_path: Path) -> Iterator[System]:
    rds, authority = Rds(server), Authority(tmp_path, "rds")
    with aws(), rds.running(authority.server(HOST)):
        yield System(rds, authority.file)


def test_schema_drain_and_read_functions_work_without_passwords(system: System) -> None:
    assert system.apply_schema() == {"applied": migrations(), "notices": IAM_NOTICES}
    assert system.apply_schema() == {"applied": [], "notices": []}
    assert system.rds.server.execute(
        "select count(*) from pg_authid where rolname ~ '^ponto_' and rolpassword > ''"
    ) == [(0,)]

    for _ in range(3):
        assert system.deliver(new_punch(), new_punch()) == []
        system.rds.server.end_sessions()

    assert system.rds.server.execute("select count(*) from batida", OWNER) == [(6,)]
    system.sign_in_as(READER)
    assert "rows" in system.functions.call("read", {"read": {"zone": {}}, "timeout": 0})
    assert system.queue.dead_letters() == []
    assert system.rds.refused == []
    tokens = [token for token in system.rds.tokens if f"DBUser={DRAIN}&" in token]
    assert len(tokens) == 3  # one for each connection
    assert min(map(len, tokens)) > 2_500  # like the tokens of AWS
    log = system.functions.log.getvalue()
    assert not [secret for secret in ("CANARY", "X-Amz", "Signature") if secret in log]


def test_batch_fails_while_a_permission_is_missing_and_is_stored_later(system: System) -> None:
    system.apply_schema()
    key = system.rds.keys[f"ASIA{DRAIN.upper()}"]
    system.rds.keys[f"ASIA{DRAIN.upper()}"] = key._replace(roles=frozenset({READER}))
    batch = [new_punch(), new_punch()]

    assert sorted(system.deliver(*batch)) == sorted(record["messageId"] for record in batch)

    assert system.queue.dead_letters() == []
    assert system.rds.refused == [["rds-db:connect"]] * 2  # the drain retries once with a new token
    log = system.functions.log.getvalue()
    [error] = json.loads(log)["errors"]
    assert f'FATAL:  PAM authentication failed for user "{DRAIN}": the function lacks the permission rds-db' in error
    assert not [secret for secret in ("CANARY", "X-Amz", "Signature") if secret in log]

    system.rds.keys[f"ASIA{DRAIN.upper()}"] = key
    system.apply_schema()
    assert system.deliver(*batch) == []


def test_schema_function_waits_until_its_permission_is_effective(system: System) -> None:
    key = system.rds.keys["ASIAMASTER"]
    system.rds.keys["ASIAMASTER"] = key._replace(roles=frozenset())
    with ThreadPoolExecutor() as threads:
        migration = threads.submit(system.apply_schema)
        wait_for(lambda: migration.done() or len(system.rds.refused) >= 3, "schema to try again")
        system.rds.keys["ASIAMASTER"] = key
        assert migration.result()["applied"] == migrations()
    assert {reason for reasons in system.rds.refused for reason in reasons} == {"rds-db:connect"}


def test_schema_function_creates_a_missing_database(system: System) -> None:
    system.environment |= {"DB_CREATED_FROM": "postgres", "DB_NAME": "Ponto-db"}

    assert system.apply_schema() == {"applied": migrations(), "notices": ["database created: Ponto-db", *IAM_NOTICES]}
    assert system.apply_schema() == {"applied": [], "notices": []}

    assert system.deliver(new_punch()) == []
