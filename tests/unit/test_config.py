"""Settings from the environment and from `rds_config.py`, and their errors, which contain no password."""

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import boto3
import pytest

from ponto.config import (
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

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

KEPT_ROLE = "arn:of:kept"
READ_ROLE = "arn:of:reader"
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

WriteConfig = Callable[[str], None]
Changes = dict[str, str | None]  # variables to set; None: to remove


def environment(changes: Changes | None = None) -> dict[str, str]:
    """Return the environment variables of a stage, with some changes."""
    return {name: value for name, value in {**ENVIRONMENT, **(changes or {})}.items() if value is not None}


@pytest.fixture(autouse=True)
def no_rds_config(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the developer's own rds_config.py."""
    monkeypatch.setitem(sys.modules, "rds_config", None)


@pytest.fixture
def rds_config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> WriteConfig:
    def write(content: str) -> None:
        (tmp_path / "rds_config.py").write_text(content)
        monkeypatch.delitem(sys.modules, "rds_config")
        monkeypatch.syspath_prepend(tmp_path)

    return write


@pytest.fixture
def secrets() -> Iterator["SecretsManagerClient"]:
    with aws():
        yield boto3.client("secretsmanager")


PutSecret = Callable[[dict[str, Any] | str | bytes], str]


@pytest.fixture
def put_secret(secrets: "SecretsManagerClient") -> PutSecret:
    """Return a function that creates a secret and returns its ARN."""

    def create_secret(content: dict[str, Any] | str | bytes) -> str:
        field = "SecretBinary" if isinstance(content, bytes) else "SecretString"
        value: Any = {field: json.dumps(content) if isinstance(content, dict) else content}
        return secrets.create_secret(Name="database", **value)["ARN"]

    return create_secret


def secret_environment(arn: str) -> dict[str, str]:
    return environment({"DB_SECRET_ARN": arn, "DB_PASSWORD": None})


def parameters(variables: dict[str, str]) -> dict[str, Any]:
    return {**load_drain(variables).database.connection_parameters()}


def error_message(changes: Changes | None = None, load: Callable[[dict[str, str]], object] = load_drain) -> str:
    """Return the message of the error for invalid settings."""
    with pytest.raises(ConfigurationError) as caught:
        load(environment(changes))
    assert_contains_no_password(caught.value)
    return str(caught.value)


def assert_contains_no_password(error: BaseException | None) -> None:
    while error is not None:
        assert "CANARY" not in f"{error} {error!r} {error.args!r}"
        error = error.__cause__ or error.__context__


# The environment


def test_settings_without_rds_config_come_from_the_environment() -> None:
    assert load_drain(environment()) == DrainSettings(
        database=DatabaseSettings(ENVIRONMENT_PARAMETERS),
        dlq_url=ENVIRONMENT["DLQ_URL"],
        zone=ZoneInfo("America/Sao_Paulo"),
        requires_sign_in=False,
        queue_url="",
        retry_delays_seconds=(),
        visibility_timeout_seconds=0,
    )


def test_schema_needs_only_its_own_variables() -> None:
    variables = environment(
        {
            "CORS_ORIGIN": "https://ponto.example.com",
            "KEPT_SECRET_ARN": KEPT_ROLE,
            "KEPT_CONCURRENCY": "2",
            "READ_SECRET_ARN": READ_ROLE,
            "READ_CONCURRENCY": "1000",
            "DRAIN_CONCURRENCY": "",
            "SLICES": "kept,needs_it",
            "ROLES": "ponto_drain:DRAIN,ponto_reader:READ,ponto_kept:KEPT",
            "DLQ_URL": None,
        }
    )
    settings = SchemaSettings(
        database=DatabaseSettings(ENVIRONMENT_PARAMETERS),
        zone=ZoneInfo("America/Sao_Paulo"),
        slices=("kept", "needs_it"),
        roles={
            "ponto_drain": DatabaseRole(None, None),
            "ponto_kept": DatabaseRole(KEPT_ROLE, 2),
            "ponto_reader": DatabaseRole(READ_ROLE, 1000),
        },
    )
    assert load_schema(variables) == settings
    assert load_schema(variables | {"DB_CREATED_FROM": "postgres"}) == settings._replace(
        maintenance_database="postgres"
    )
    assert load_database(variables | {"TIME_ZONE": ""}) == settings.database


@pytest.mark.parametrize("load", [load_drain, load_database, load_schema])
def test_each_function_needs_a_database(load: Callable[[dict[str, str]], object]) -> None:
    assert error_message({"DB_HOST": None}, load).startswith("Missing: DB_HOST. ")
    assert error_message({"TIME_ZONE": ""}, load_schema).startswith("Missing: TIME_ZONE. ")


def test_all_missing_variables_are_named_in_one_error() -> None:
    message = error_message(dict.fromkeys(ENVIRONMENT))
    assert message.startswith("Missing: DB_HOST, DB_NAME, DB_USER, DB_PASSWORD, DLQ_URL, TIME_ZONE. ")


def error_cases(name: str, values: Iterable[str], message: str) -> Iterator[tuple[Changes, str]]:
    """Yield a case for each invalid value of a variable, with its error; `{}` in the message stands for the value."""
    return (({name: value}, f"{name}: {message.format(repr(value))}") for value in values)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        *error_cases(
            "TIME_ZONE",
            ["Sao_Paulo", "America", "-03:00", "../etc/passwd", "/etc/localtime", "x\u00e9", " "],
            "{} is not a time zone; use a name such as America/Sao_Paulo.",
        ),
        *error_cases(
            "IDENTITY",
            ["true", "Required", "optional", "false", " required"],  # misspelt, it must not disable sign-in
            "{} is invalid; set it to required, or leave it unset.",
        ),
        *error_cases(
            "DB_LOGIN", ["IAM", "token", "password"], "{} is invalid; set it to iam or secret, or leave it unset."
        ),
        (
            {"DB_LOGIN": "iam", "DB_SSLMODE": "disable"},
            "DB_SSLMODE: 'disable' would send the IAM token unencrypted; use verify-full.",
        ),
        *error_cases(
            "DB_SSLMODE",
            ["prefer", "allow", "Verify-Full", "no"],
            "{} does not enforce TLS; use verify-full, or disable for a server without TLS.",
        ),
        *error_cases(
            "DB_SSLROOTCERT",
            ["ponto/certificates/none.pem"],
            f"there is no file {ROOT}/ponto/certificates/none.pem.",
        ),
        (
            {"SSL_CERT_FILE": "/nonexistent", "DB_SSLROOTCERT": "system"},
            "DB_SSLROOTCERT: no system CA bundle was found; name a file.",
        ),
        # Without verification of the host name, only the CA of RDS is accepted.
        *(
            (
                {"DB_SSLMODE": mode, "DB_SSLROOTCERT": root},
                f"DB_SSLMODE: {mode!r} does not verify the host name, and the CA in {root} also signs for other "
                "servers; use verify-full.",
            )
            for root in ("system", "handler.py", "/etc/hostname")
            for mode in ("verify-ca", "require")
        ),
    ],
)
def test_invalid_value_is_refused_with_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, changes: Changes, message: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", changes.get("SSL_CERT_FILE") or "")  # Python reads it
    assert error_message(changes) == message


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
    assert parameters(environment(changes)) == expected


# rds_config.py


@pytest.mark.parametrize(
    ("more", "different"),
    [
        ("", {}),
        (
            "db_port = 5434\ndb_sslmode = 'verify-ca'\n",
            {"port": "5434", "sslmode": "verify-ca"},
        ),  # unverified host name
    ],
)
def test_rds_config_wins_over_the_environment_as_a_whole(
    rds_config: WriteConfig, more: str, different: dict[str, str]
) -> None:
    rds_config(RDS_CONFIG + more)
    secret: Changes = {"DB_SECRET_ARN": "arn:of:nothing"}  # not read, because there is a password
    assert parameters(environment(secret)) == RDS_CONFIG_PARAMETERS | different


def test_example_is_a_complete_rds_config(rds_config: WriteConfig, tmp_path: Path) -> None:
    rds_config("")
    shutil.copy(ROOT / "rds_config.example.py", tmp_path / "rds_config.py")
    assert load_drain(environment()).database.parameters == {
        "host": "rds endpoint",
        "user": "username",
        "password": "password",
        "dbname": "database name",
        "port": "5432",
        **VERIFIED,
    }


# Login by IAM

IAM_LOGIN: Changes = {
    "DB_LOGIN": "iam",
    "DB_PASSWORD": None,
    "AWS_REGION": "sa-east-1",
    "AWS_ACCESS_KEY_ID": "ASIAONE",
    "AWS_SECRET_ACCESS_KEY": "CANARY-key",
    "AWS_SESSION_TOKEN": "CANARY-session",
}


def new_token(variables: dict[str, str]) -> str:
    return str(parameters(variables)["password"]())


@pytest.mark.parametrize("unused", [{"DB_PASSWORD": "CANARY-unused"}, {"DB_SECRET_ARN": "arn:of:nothing"}])
def test_iam_login_creates_each_token_with_the_current_credentials(unused: Changes) -> None:
    variables = environment({**IAM_LOGIN, **unused})
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


def test_user_and_password_are_read_from_the_secret_at_each_connection(
    secrets: "SecretsManagerClient", put_secret: PutSecret
) -> None:
    content = {"username": "rotated", "password": "one", "host": "evil.example.com", "port": 1, "sslmode": "disable"}
    variables = secret_environment(arn := put_secret(content))
    del variables["DB_USER"]  # the secret has the user too
    database = load_drain(variables).database
    assert database.connection_parameters() == ENVIRONMENT_PARAMETERS | {"user": "rotated", "password": "one"}
    secrets.put_secret_value(SecretId=arn, SecretString=json.dumps({"username": "again", "password": "two"}))
    assert database.connection_parameters() == ENVIRONMENT_PARAMETERS | {"user": "again", "password": "two"}
    assert "password" not in database.parameters


@pytest.mark.parametrize(
    "content",
    [
        *("CANARY", '{"username": "CANARY"}', '{"password": "CANARY"}', '"CANARY"', '["CANARY"]', "{CANARY", "null"),
        b"CANARY",
    ],
)
def test_invalid_secret_is_refused_without_quoting_it(put_secret: PutSecret, content: str | bytes) -> None:
    arn = put_secret(content)
    message = error_message({"DB_SECRET_ARN": arn, "DB_PASSWORD": None}, parameters)
    assert message == f"The secret {arn} must be JSON with username and password."
