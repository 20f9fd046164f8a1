"""Settings from the environment and from `rds_config.py`, and their errors, which contain no password."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import boto3
import pytest

from ponto.shared.config import (
    ConfigurationError,
    DatabaseRole,
    DatabaseSettings,
    DrainSettings,
    SchemaSettings,
    load_database,
    load_drain,
    load_schema,
)
from tests.events import aws
from tools.kit.project import ROOT

RDS = str(ROOT / "ponto" / "certificates" / "rds.pem")
VERIFIED = {"sslmode": "verify-full", "sslrootcert": RDS, "gssencmode": "disable"}
ENVIRONMENT = {
    "DB_HOST": "db.example.com",
    "DB_PORT": "5433",
    "DB_NAME": "pontodb",
    "DB_USER": "ponto",
    "DB_PASSWORD": "CANARY-environment",
    "DB_SSLMODE": "verify-full",
    "DLQ_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/dead-letters",
    "TIME_ZONE": "America/Sao_Paulo",
    "SLICES": "",
    "ROLES": "",
}
ENVIRONMENT_PARAMETERS = {
    "host": "db.example.com",
    "port": "5433",
    "dbname": "pontodb",
    "user": "ponto",
    "password": "CANARY-environment",
    **VERIFIED,
}
RDS_CONFIG = """
db_host = "rds.example.com"
db_username = "clerk"
db_password = "CANARY-file"
db_name = "events"
"""
RDS_CONFIG_PARAMETERS = {
    "host": "rds.example.com",
    "user": "clerk",
    "password": "CANARY-file",
    "dbname": "events",
    **VERIFIED,
}

Changes = dict[str, str | None]


def environment(**changes: str | None) -> dict[str, str]:
    """Return the environment variables of a stage, with some changes; None removes a variable."""
    return {name: value for name, value in {**ENVIRONMENT, **changes}.items() if value is not None}


@pytest.fixture(autouse=True)
def no_rds_config(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the developer's own rds_config.py."""
    monkeypatch.setitem(sys.modules, "rds_config", None)


def write_rds_config(monkeypatch: pytest.MonkeyPatch, folder: Path, content: str) -> None:
    (folder / "rds_config.py").write_text(content)
    monkeypatch.delitem(sys.modules, "rds_config")
    monkeypatch.syspath_prepend(folder)


@pytest.fixture
def secrets() -> Iterator[Any]:
    with aws():
        yield boto3.client("secretsmanager")


def parameters(variables: dict[str, str]) -> dict[str, Any]:
    return {**load_drain(variables).database.connection_parameters()}


def error_message(changes: Mapping[str, str | None], load: Callable[[dict[str, str]], object] = load_drain) -> str:
    """Return the message of the error for invalid settings, which contains no password."""
    with pytest.raises(ConfigurationError) as caught:
        load(environment(**changes))
    error: BaseException | None = caught.value
    while error is not None:
        assert "CANARY" not in f"{error} {error!r} {error.args!r}"
        error = error.__cause__ or error.__context__
    return str(caught.value)


# The environment


def test_settings_without_rds_config_come_from_the_environment() -> None:
    assert load_drain(environment()) == DrainSettings(
        database=DatabaseSettings(ENVIRONMENT_PARAMETERS),
        dlq_url=ENVIRONMENT["DLQ_URL"],
        zone=ZoneInfo("America/Sao_Paulo"),
        is_sign_in_required=False,
        queue_url="",
        retry_delays_seconds=(),
        visibility_timeout_seconds=0,
    )


def test_schema_needs_only_its_own_variables() -> None:
    variables = environment(
        KEPT_SECRET_ARN="arn:of:kept",
        KEPT_CONCURRENCY="2",
        DRAIN_CONCURRENCY="",
        SLICES="kept,needs_it",
        ROLES="ponto_drain:DRAIN,ponto_kept:KEPT",
        DLQ_URL=None,
    )
    settings = SchemaSettings(
        database=DatabaseSettings(ENVIRONMENT_PARAMETERS),
        zone=ZoneInfo("America/Sao_Paulo"),
        slices=("kept", "needs_it"),
        roles={"ponto_drain": DatabaseRole(None, None), "ponto_kept": DatabaseRole("arn:of:kept", 2)},
    )
    assert load_schema(variables) == settings
    created = load_schema(variables | {"DB_CREATED_FROM": "postgres"})
    assert created == settings._replace(maintenance_database="postgres")
    assert load_database(variables | {"TIME_ZONE": ""}) == settings.database


DATABASE = "DB_HOST, DB_NAME, DB_USER, DB_PASSWORD"


@pytest.mark.parametrize(
    ("load", "missing"),
    [
        (load_drain, f"{DATABASE}, DLQ_URL, TIME_ZONE"),
        (load_schema, f"{DATABASE}, TIME_ZONE"),
        (load_database, DATABASE),
    ],
)
def test_all_missing_variables_are_named_in_one_error(load: Callable[[dict[str, str]], object], missing: str) -> None:
    assert error_message(dict.fromkeys(ENVIRONMENT), load).startswith(f"Missing: {missing}. ")


def test_schema_without_a_list_of_slices_would_drop_their_views_and_is_refused() -> None:
    assert error_message({"SLICES": None, "ROLES": None}, load_schema).startswith("Missing: SLICES, ROLES. ")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        *(({"TIME_ZONE": name}, "is not a time zone") for name in ("Sao_Paulo", "America", "../etc/passwd", "x\u00e9")),
        *(
            ({"SIGN_IN_REQUIRED": text}, "is invalid") for text in ("required", " true")
        ),  # a typo must not disable sign-in
        ({"DB_LOGIN": "IAM"}, "is invalid"),
        ({"DB_SSLMODE": "disable", "DB_LOGIN": "iam"}, "unencrypted"),
        ({"DB_SSLMODE": "prefer"}, "does not enforce TLS"),
        ({"DB_SSLROOTCERT": "ponto/certificates/none.pem"}, "there is no file"),
        ({"DB_SSLROOTCERT": "system", "SSL_CERT_FILE": "/nonexistent"}, "no system CA bundle"),
        # Without verification of the host name, only the CA of RDS is accepted.
        *(
            ({"DB_SSLMODE": mode, "DB_SSLROOTCERT": root}, "does not verify the host name")
            for mode, root in (("verify-ca", "system"), ("require", "handler.py"), ("require", "/etc/hostname"))
        ),
    ],
)
def test_invalid_value_is_refused_with_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], reason: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", changes.get("SSL_CERT_FILE", ""))  # Python reads it

    message = error_message(changes)

    assert message.startswith(f"{next(iter(changes))}: ")
    assert reason in message


@pytest.mark.parametrize(
    ("changes", "different"),
    [
        # A unix socket needs neither password nor TLS.
        (
            {"DB_HOST": "/run/postgresql", "DB_PASSWORD": None},
            {"host": "/run/postgresql", "password": None, **dict.fromkeys(VERIFIED)},
        ),
        ({"DB_HOST": "/run/postgresql"}, {"host": "/run/postgresql", **dict.fromkeys(VERIFIED)}),
        ({"DB_HOST": "/run/postgresql,db.example.com"}, {"host": "/run/postgresql,db.example.com"}),
        # Port and TLS mode are optional; the defaults are libpq's port and verified TLS.
        ({"DB_PORT": None, "DB_SSLMODE": "", "DB_SSLROOTCERT": ""}, {"port": None}),
        # Every TLS mode verifies the certificate; only `disable` turns TLS off.
        *(({"DB_SSLMODE": mode}, {"sslmode": mode}) for mode in ("verify-full", "verify-ca", "require")),
        ({"DB_SSLMODE": "require", "DB_SSLROOTCERT": "ponto/certificates/rds.pem"}, {"sslmode": "require"}),
        ({"DB_SSLMODE": "disable"}, {"sslmode": "disable", "sslrootcert": None, "gssencmode": None}),
        # The file of another CA may be in the package or outside.
        ({"DB_SSLROOTCERT": "handler.py"}, {"sslrootcert": str(ROOT / "handler.py")}),
        ({"DB_SSLROOTCERT": "/etc/hostname"}, {"sslrootcert": "/etc/hostname"}),
        # `system` is the CA bundle that Python uses.
        ({"SSL_CERT_FILE": "/etc/hostname", "DB_SSLROOTCERT": "system"}, {"sslrootcert": "/etc/hostname"}),
        # With a password, the secret is not read.
        ({"DB_SECRET_ARN": "arn:of:nothing"}, {}),
    ],
    ids=lambda value: " ".join(value),
)
def test_connection_parameters_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changes: Changes, different: dict[str, str | None]
) -> None:
    monkeypatch.chdir(tmp_path)  # relative paths do not depend on it
    monkeypatch.setenv("SSL_CERT_FILE", changes.get("SSL_CERT_FILE") or "")  # Python reads it
    expected = {name: value for name, value in (ENVIRONMENT_PARAMETERS | different).items() if value is not None}
    assert parameters(environment(**changes)) == expected


# rds_config.py


@pytest.mark.parametrize(
    ("more", "different"),
    [("", {}), ("db_port = 5434\ndb_sslmode = 'verify-ca'\n", {"port": "5434", "sslmode": "verify-ca"})],
)
def test_rds_config_wins_over_the_environment_as_a_whole(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, more: str, different: dict[str, str]
) -> None:
    write_rds_config(monkeypatch, tmp_path, RDS_CONFIG + more)
    variables = environment(DB_SECRET_ARN="arn:of:nothing")  # not read, because there is a password
    assert parameters(variables) == RDS_CONFIG_PARAMETERS | different


def test_example_is_a_complete_rds_config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_rds_config(monkeypatch, tmp_path, (ROOT / "rds_config.example.py").read_text())
    assert parameters(environment()).items() >= {**VERIFIED, "host": "rds endpoint", "user": "username"}.items()


# Login by IAM

IAM_LOGIN: Changes = {
    "DB_LOGIN": "iam",
    "DB_PASSWORD": None,
    "AWS_REGION": "sa-east-1",
    "AWS_ACCESS_KEY_ID": "ASIAONE",
    "AWS_SECRET_ACCESS_KEY": "CANARY-key",
    "AWS_SESSION_TOKEN": "CANARY-session",
}


@pytest.mark.parametrize("unused", [{"DB_PASSWORD": "CANARY-unused"}, {"DB_SECRET_ARN": "arn:of:nothing"}])
def test_iam_login_creates_each_token_with_the_current_credentials(unused: Changes) -> None:
    variables = environment(**{**IAM_LOGIN, **unused})
    database = load_drain(variables).database
    first = database.connection_parameters()
    password = first["password"]
    assert {**first, "password": ENVIRONMENT_PARAMETERS["password"]} == ENVIRONMENT_PARAMETERS
    assert first == database.connection_parameters()  # a session compares them before it reconnects
    assert callable(password)

    first_token = password()
    variables["AWS_ACCESS_KEY_ID"] = "ASIATWO"
    del variables["AWS_SESSION_TOKEN"]
    second_token = password()

    assert first_token.startswith("db.example.com:5433/?Action=connect&DBUser=ponto&")
    assert "=ASIAONE%2F" in first_token
    assert "%2Fsa-east-1%2Frds-db%2F" in first_token
    assert "X-Amz-Security-Token=CANARY-session&" in first_token
    assert "=ASIATWO%2F" in second_token
    assert "X-Amz-Security-Token" not in second_token
    assert "CANARY" not in repr((database, first, password))


def test_iam_login_needs_a_user_and_the_signing_variables() -> None:
    names = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    message = error_message({**IAM_LOGIN, "DB_SECRET_ARN": "arn:of:nothing", **dict.fromkeys(["DB_USER", *names])})
    assert message.startswith(f"Missing: DB_USER, {', '.join(names)}. ")


# Secrets Manager


def test_user_and_password_are_read_from_the_secret_at_each_connection(secrets: Any) -> None:
    content = {"username": "rotated", "password": "one", "host": "evil.example.com", "port": 1, "sslmode": "disable"}
    arn = secrets.create_secret(Name="database", SecretString=json.dumps(content))["ARN"]
    database = load_drain(environment(DB_SECRET_ARN=arn, DB_PASSWORD=None, DB_USER=None)).database
    assert database.connection_parameters() == ENVIRONMENT_PARAMETERS | {"user": "rotated", "password": "one"}
    secrets.put_secret_value(SecretId=arn, SecretString=json.dumps({"username": "again", "password": "two"}))
    assert database.connection_parameters() == ENVIRONMENT_PARAMETERS | {"user": "again", "password": "two"}
    assert "password" not in database.parameters


@pytest.mark.parametrize(
    "content",
    [
        *(
            {"SecretString": text}
            for text in ("{CANARY", '{"username": "CANARY"}', '{"password": "CANARY"}', '["CANARY"]')
        ),
        {"SecretBinary": b"CANARY"},
    ],
)
def test_invalid_secret_is_refused_without_quoting_it(secrets: Any, content: dict[str, Any]) -> None:
    arn = secrets.create_secret(Name="database", **content)["ARN"]
    message = error_message({"DB_SECRET_ARN": arn, "DB_PASSWORD": None}, parameters)
    assert message == f"The secret {arn} must be JSON with username and password."
