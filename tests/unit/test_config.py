"""Settings from the environment and `rds_config.py`, and the errors, which hold no password."""

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
    is_sign_in_required,
    load_database,
    load_drain,
    load_schema,
)
from tests.events import aws
from tools.kit.database import database_parameters
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
FROM_ENVIRONMENT = {
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
db_name = "clock"
"""
FROM_RDS_CONFIG = {"host": "rds.example.com", "user": "clerk", "password": "CANARY-file", "dbname": "clock", **VERIFIED}

WriteConfig = Callable[[str], None]
Changes = dict[str, str | None]  # of variables; None: absent


def environment(changes: Changes | None = None) -> dict[str, str]:
    """Return what every stage has, but for the changes."""
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
    """Return what creates a secret and returns its ARN."""

    def put(content: dict[str, Any] | str | bytes) -> str:
        form = "SecretBinary" if isinstance(content, bytes) else "SecretString"
        more: Any = {form: json.dumps(content) if isinstance(content, dict) else content}
        return secrets.create_secret(Name="database", **more)["ARN"]

    return put


def with_secret(arn: str) -> dict[str, str]:
    return environment({"DB_SECRET_ARN": arn, "DB_PASSWORD": None})


def parameters(variables: dict[str, str]) -> dict[str, Any]:
    return {**load_drain(variables).database.connection_parameters()}


def refusal(changes: Changes | None = None, load: Callable[[dict[str, str]], object] = load_drain) -> str:
    """Return the error of wrong settings."""
    with pytest.raises(ConfigurationError) as caught:
        load(environment(changes))
    assert_tells_no_password(caught.value)
    return str(caught.value)


def assert_tells_no_password(error: BaseException | None) -> None:
    while error is not None:
        assert "CANARY" not in f"{error} {error!r} {error.args!r}"
        error = error.__cause__ or error.__context__


# The environment


def test_without_rds_config_the_environment_names_everything() -> None:
    assert load_drain(environment()) == DrainSettings(
        database=DatabaseSettings(FROM_ENVIRONMENT),
        dlq_url=ENVIRONMENT["DLQ_URL"],
        zone=ZoneInfo("America/Sao_Paulo"),
        requires_sign_in=False,
        queue_url="",
        retry_delays_seconds=(),
        visibility_timeout_seconds=0,
    )


def test_each_function_needs_its_own_variables_only() -> None:
    variables = environment(
        {
            "CORS_ORIGIN": "https://ponto.example.com",
            "KEPT_SECRET_ARN": KEPT_ROLE,
            "KEPT_CONCURRENCY": "2",
            "READ_SECRET_ARN": READ_ROLE,
            "READ_CONCURRENCY": "1000",
            "FUNCTION_CONCURRENCY": "",
            "SLICES": "kept,needs_it",
            "ROLES": "ponto_function:FUNCTION,ponto_reader:READ,ponto_kept:KEPT",
            "DLQ_URL": None,
        }
    )
    settings = SchemaSettings(
        database=DatabaseSettings(FROM_ENVIRONMENT),
        zone=ZoneInfo("America/Sao_Paulo"),
        slices=("kept", "needs_it"),
        roles={
            "ponto_function": DatabaseRole(None, None),
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
    assert refusal({"DB_HOST": None}, load).startswith("Missing: DB_HOST. ")
    assert refusal({"TIME_ZONE": ""}, load_schema).startswith("Missing: TIME_ZONE. ")


def test_everything_missing_is_named_in_one_error() -> None:
    assert refusal(dict.fromkeys(ENVIRONMENT)) == (
        "Missing: DB_HOST, DB_NAME, DB_USER, DB_PASSWORD, DLQ_URL, TIME_ZONE. Set them in the environment "
        "(serverless.yml normally sets them); to set those that begin with db_, copy rds_config.example.py to "
        "rds_config.py."
    )


def refused(name: str, values: Iterable[str], message: str) -> Iterator[tuple[Changes, str]]:
    """Yield a case for each value of a variable, with its error; `{}` of the message is the value."""
    return (({name: value}, f"{name}: {message.format(repr(value))}") for value in values)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        *refused(
            "TIME_ZONE",
            ["Sao_Paulo", "America", "-03:00", "../etc/passwd", "/etc/localtime", "x\u00e9", " "],
            "{} is not a time zone; use a name such as America/Sao_Paulo.",
        ),
        *refused("RETRY_DELAYS", ["5,", "soon", "5;10", "1.5"], "{} is not a list of seconds such as 5,10,20."),
        *refused("VISIBILITY_TIMEOUT", ["soon"], "{} is not a number of seconds."),
        *refused(
            "IDENTITY",
            ["true", "Required", "optional", "false", " required"],  # misspelt, it lets nobody in
            "{} is invalid; set it to required, or leave it unset.",
        ),
        *refused(
            "DB_LOGIN", ["IAM", "token", "password"], "{} is invalid; set it to iam or secret, or leave it unset."
        ),
        (
            {"DB_LOGIN": "iam", "DB_SSLMODE": "disable"},
            "DB_SSLMODE: 'disable' would send the IAM token unencrypted; use verify-full.",
        ),
        *refused(
            "DB_SSLMODE",
            ["prefer", "allow", "Verify-Full", "no"],
            "{} does not enforce TLS; use verify-full, or disable for a server without TLS.",
        ),
        *refused(
            "DB_SSLROOTCERT",
            ["ponto/certificates/none.pem"],
            f"there is no file {ROOT}/ponto/certificates/none.pem.",
        ),
        (
            {"SSL_CERT_FILE": "/nonexistent", "DB_SSLROOTCERT": "system"},
            "DB_SSLROOTCERT: no system CA bundle was found; name a file.",
        ),
        # Without the server's name no authority is enough but RDS' own.
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
def test_a_wrong_value_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, changes: Changes, message: str) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", changes.get("SSL_CERT_FILE") or "")  # which Python reads
    assert refusal(changes) == message


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
        # Port and TLS are optional, verified TLS is the default, and libpq has its own port.
        ({"DB_PORT": None, "DB_SSLMODE": "", "DB_SSLROOTCERT": ""}, {"port": None}),
        # With TLS the certificate is always looked at; there is none only when told so.
        *(({"DB_SSLMODE": mode}, {"sslmode": mode}) for mode in ("verify-full", "verify-ca", "require")),
        ({"DB_SSLMODE": "require", "DB_SSLROOTCERT": "ponto/certificates/rds.pem"}, {"sslmode": "require"}),
        ({"DB_SSLMODE": "disable"}, {"sslmode": "disable", "sslrootcert": None, "gssencmode": None}),
        # Another authority's file lies in the package or anywhere.
        ({"DB_SSLROOTCERT": "handler.py"}, {"sslrootcert": str(ROOT / "handler.py")}),
        ({"DB_SSLROOTCERT": "/etc/hostname"}, {"sslrootcert": "/etc/hostname"}),
        # The system's certificates are Python's.
        ({"SSL_CERT_FILE": "/etc/hostname", "DB_SSLROOTCERT": "system"}, {"sslrootcert": "/etc/hostname"}),
        # A password that is given needs no secret.
        ({"DB_SECRET_ARN": "arn:of:nothing"}, {}),
    ],
    ids=lambda value: " ".join(value),
)
def test_the_environment_says_how_to_connect(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changes: Changes, different: dict[str, str | None]
) -> None:
    monkeypatch.chdir(tmp_path)  # which does not matter
    monkeypatch.setenv("SSL_CERT_FILE", changes.get("SSL_CERT_FILE") or "")  # which Python reads
    expected = {name: value for name, value in (FROM_ENVIRONMENT | different).items() if value is not None}
    assert parameters(environment(changes)) == expected


def test_optional_settings_of_the_drain_are_read() -> None:
    variables = environment({"QUEUE_URL": "https://punches", "RETRY_DELAYS": "5,10", "VISIBILITY_TIMEOUT": "451"})
    settings = load_drain(variables | {"IDENTITY": "required"})
    assert (settings.requires_sign_in, settings.queue_url) == (True, "https://punches")
    assert (settings.retry_delays_seconds, settings.visibility_timeout_seconds) == ((5, 10), 451)
    assert not is_sign_in_required({"IDENTITY": ""})  # as serverless.yml sets it without a user pool


# rds_config.py


@pytest.mark.parametrize(
    ("more", "different"),
    [
        ("", {}),
        ("db_port = 5434\ndb_sslmode = 'verify-ca'\n", {"port": "5434", "sslmode": "verify-ca"}),  # the name unseen
    ],
)
def test_rds_config_wins_over_the_environment_as_a_whole(
    rds_config: WriteConfig, more: str, different: dict[str, str]
) -> None:
    rds_config(RDS_CONFIG + more)
    secret: Changes = {"DB_SECRET_ARN": "arn:of:nothing"}  # which a password makes unnecessary
    assert parameters(environment(secret)) == FROM_RDS_CONFIG | different


@pytest.mark.parametrize(
    ("content", "begin"),
    [
        (RDS_CONFIG + "db_sslmode = 'prefer'\n", "db_sslmode: 'prefer'"),
        ("db_password = 'CANARY-file'\n", "Missing: db_host, db_name, db_username, DLQ_URL, TIME_ZONE. "),
    ],
)
def test_what_rds_config_lacks_or_has_wrong_is_named_as_it_is_called_there(
    rds_config: WriteConfig, content: str, begin: str
) -> None:
    rds_config(content)
    assert refusal({"DLQ_URL": None, "TIME_ZONE": None}).startswith(begin)


def test_what_rds_config_fails_to_import_is_not_taken_for_its_absence(rds_config: WriteConfig) -> None:
    rds_config(f"{RDS_CONFIG}import vault_of_ours\n")
    with pytest.raises(ImportError, match="vault_of_ours") as caught:
        load_drain(environment())
    assert_tells_no_password(caught.value)


def test_the_example_is_a_complete_rds_config(rds_config: WriteConfig, tmp_path: Path) -> None:
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

BY_IAM: Changes = {  # as on AWS, without a password
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
def test_by_iam_each_connection_has_a_token_of_the_credentials_of_its_moment(unused: Changes) -> None:
    variables = environment({**BY_IAM, **unused})
    database = load_drain(variables).database
    first = database.connection_parameters()
    password = first["password"]
    assert {**first, "password": FROM_ENVIRONMENT["password"]} == FROM_ENVIRONMENT
    assert first == database.connection_parameters()  # so that a session that asks again sees no change
    assert callable(password)

    one = password()
    variables["AWS_ACCESS_KEY_ID"] = "ASIATWO"
    del variables["AWS_SESSION_TOKEN"]
    two = password()

    assert one.startswith("db.example.com:5433/?Action=connect&DBUser=ponto&")
    assert "=ASIAONE%2F" in one
    assert "%2Fsa-east-1%2Frds-db%2F" in one
    assert "X-Amz-Security-Token=CANARY-session&" in one
    assert "=ASIATWO%2F" in two
    assert "X-Amz-Security-Token" not in two
    assert "CANARY" not in repr((database, first, password))


def test_by_iam_the_user_must_be_named_and_all_that_signs() -> None:
    names = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    message = refusal({**BY_IAM, "DB_SECRET_ARN": "arn:of:nothing", **dict.fromkeys(["DB_USER", *names])})
    assert message.startswith(f"Missing: DB_USER, {', '.join(names)}. ")


def test_by_iam_rds_config_says_where_and_as_whom(rds_config: WriteConfig) -> None:
    rds_config(RDS_CONFIG)
    variables = environment(BY_IAM)
    assert new_token(variables).startswith("rds.example.com:5432/?Action=connect&DBUser=clerk&")
    assert parameters(variables | {"DB_LOGIN": ""}) == FROM_RDS_CONFIG


# The database alone


def test_a_command_needs_the_database_alone_and_of_the_environment(rds_config: WriteConfig) -> None:
    rds_config(RDS_CONFIG)
    variables = environment({"DLQ_URL": None, "TIME_ZONE": None})
    assert database_parameters(variables) == FROM_ENVIRONMENT
    with pytest.raises(ConfigurationError, match=r"^Missing: DB_NAME\. Set them in the environment\.$"):
        database_parameters(variables | {"DB_NAME": ""})


def test_a_command_signs_in_by_the_secret_and_by_iam_too(put_secret: PutSecret) -> None:
    arn = put_secret({"username": "rotated", "password": "one"})
    assert database_parameters(with_secret(arn)) == FROM_ENVIRONMENT | {"user": "rotated", "password": "one"}
    assert database_parameters(environment(BY_IAM))["password"].startswith("db.example.com:5433/?")


# Secrets Manager


def test_the_secret_gives_user_and_password_as_they_are_now_and_nothing_else(
    secrets: "SecretsManagerClient", put_secret: PutSecret
) -> None:
    content = {"username": "rotated", "password": "one", "host": "evil.example.com", "port": 1, "sslmode": "disable"}
    variables = with_secret(arn := put_secret(content))
    del variables["DB_USER"]  # which need not be named twice
    database = load_drain(variables).database
    assert database.connection_parameters() == FROM_ENVIRONMENT | {"user": "rotated", "password": "one"}
    secrets.put_secret_value(SecretId=arn, SecretString=json.dumps({"username": "again", "password": "two"}))
    assert database.connection_parameters() == FROM_ENVIRONMENT | {"user": "again", "password": "two"}
    assert "password" not in database.parameters


@pytest.mark.parametrize(
    ("changes", "begin"),
    [
        *(
            (
                {"ROLES": "ponto_function:FUNCTION", "FUNCTION_CONCURRENCY": value},
                f"FUNCTION_CONCURRENCY: '{value}' is not a number",
            )
            for value in ("-1", "many", "5.0")
        ),
        *(
            ({"ROLES": value}, "ROLES: 'ponto_function' has no prefix; write ROLE:PREFIX, such as")
            for value in ("ponto_function", "ponto_function:", "ponto_reader:READ,ponto_function")
        ),
    ],
)
def test_a_role_without_variables_or_with_a_concurrency_that_is_no_number_is_refused(
    changes: Changes, begin: str
) -> None:
    assert refusal(changes, load_schema).startswith(begin)


@pytest.mark.parametrize("name", ["ROLES", "SLICES"])
def test_schema_must_be_told_of_slices_and_roles_though_there_be_none(name: str) -> None:
    assert load_schema(environment()).slices == ()
    assert refusal({name: None}, load_schema) == (
        f"Missing: {name}. Set them in the environment (serverless.yml normally sets them); they may be empty."
    )


@pytest.mark.parametrize(
    "content",
    [
        *("CANARY", '{"username": "CANARY"}', '{"password": "CANARY"}', '"CANARY"', '["CANARY"]', "{CANARY", "null"),
        b"CANARY",
    ],
)
def test_a_secret_of_another_form_is_refused_without_being_quoted(put_secret: PutSecret, content: str | bytes) -> None:
    arn = put_secret(content)
    said = refusal({"DB_SECRET_ARN": arn, "DB_PASSWORD": None}, parameters)
    assert said == f"The secret {arn} must be JSON with username and password."
