"""Where the settings come from, what is said when they lack, and that no password is."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import boto3
import pytest

from ponto.config import (
    ConfigurationError,
    Database,
    DrainSettings,
    Login,
    ReceiptSettings,
    SchemaSettings,
    connection_parameters,
    load_drain,
    load_receipt,
    load_schema,
    login,
)
from tests.events import aws
from tools.kit.database import database_parameters
from tools.kit.project import ROOT

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

RECEIPT_ROLE = "arn:of:receipts"
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
FROM_RDS_CONFIG = {
    "host": "rds.example.com",
    "user": "clerk",
    "password": "CANARY-file",
    "dbname": "clock",
    **VERIFIED,
}

WriteConfig = Callable[[str], None]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Set all names but the secrets', the certificates' and the identity's; hide the developer's own rds_config.py."""
    for name in ("DB_SECRET_ARN", "FUNCTION_SECRET_ARN", "RESERVED_CONCURRENCY", "DB_SSLROOTCERT", "IDENTITY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(sys.modules, "rds_config", None)
    return monkeypatch


@pytest.fixture
def rds_config(environment: pytest.MonkeyPatch, tmp_path: Path) -> WriteConfig:
    def write(content: str) -> None:
        (tmp_path / "rds_config.py").write_text(content)
        environment.delitem(sys.modules, "rds_config")
        environment.syspath_prepend(tmp_path)

    return write


@pytest.fixture
def secrets() -> Iterator["SecretsManagerClient"]:
    with aws():
        yield boto3.client("secretsmanager")


def put_secret(secrets: "SecretsManagerClient", environment: pytest.MonkeyPatch, content: dict[str, Any]) -> str:
    arn = secrets.create_secret(Name="database", SecretString=json.dumps(content))["ARN"]
    environment.setenv("DB_SECRET_ARN", arn)
    return arn


def refusal() -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_drain()
    assert_tells_no_password(caught.value)
    return str(caught.value)


def assert_tells_no_password(error: BaseException | None) -> None:
    while error is not None:
        assert "CANARY" not in f"{error} {error!r} {error.args!r}"
        error = error.__cause__ or error.__context__


# The environment


def test_without_rds_config_the_environment_names_everything() -> None:
    assert load_drain() == DrainSettings(
        database=Database(FROM_ENVIRONMENT, None),
        dlq_url=ENVIRONMENT["DLQ_URL"],
        zone=ZoneInfo("America/Sao_Paulo"),
        identity=False,
        queue_url="",
        retry_delays=(),
        visibility_s=0,
    )


def test_each_function_needs_what_is_its_own(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CORS_ORIGIN", "https://ponto.example.com")
    environment.setenv("RECEIPT_SECRET_ARN", RECEIPT_ROLE)
    environment.setenv("RECEIPT_CONCURRENCY", "2")
    environment.delenv("DLQ_URL")
    database = Database(FROM_ENVIRONMENT, None)
    assert load_schema() == SchemaSettings(
        database=database,
        zone=ZoneInfo("America/Sao_Paulo"),
        function_secret_arn=None,
        receipt_secret_arn=RECEIPT_ROLE,
        reserved_concurrency=None,
        receipt_concurrency=2,
    )
    environment.delenv("TIME_ZONE")
    assert load_receipt() == ReceiptSettings(database, identity=False, cors_origin="https://ponto.example.com")


@pytest.mark.parametrize("load", [load_drain, load_receipt, load_schema])
def test_each_function_needs_a_database(environment: pytest.MonkeyPatch, load: Callable[[], object]) -> None:
    environment.delenv("DB_HOST")
    with pytest.raises(ConfigurationError, match=r"^Missing: DB_HOST\. "):
        load()


def test_port_and_tls_are_optional_and_verified_tls_is_the_default(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("DB_PORT")
    environment.setenv("DB_SSLMODE", "")
    environment.setenv("DB_SSLROOTCERT", "")
    database = load_drain().database.parameters
    assert "port" not in database  # libpq's own default
    assert database.items() >= VERIFIED.items()


@pytest.mark.parametrize("name", sorted(ENVIRONMENT.keys() - {"DB_PORT", "DB_SSLMODE"}))
@pytest.mark.parametrize("empty", [True, False], ids=["empty", "absent"])
def test_a_missing_value_is_named(environment: pytest.MonkeyPatch, name: str, empty: bool) -> None:
    if empty:
        environment.setenv(name, "")
    else:
        environment.delenv(name)
    assert refusal().startswith(f"Missing: {name}. Set them in the environment")


def test_everything_missing_is_named_in_one_error(environment: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        environment.delenv(name)
    assert refusal() == (
        "Missing: DB_HOST, DB_NAME, DB_USER, DB_PASSWORD, DLQ_URL, TIME_ZONE. Set them in the environment "
        "(serverless.yml does), or copy rds_config.example.py to rds_config.py for those that start with db_."
    )


def test_a_unix_socket_needs_neither_password_nor_tls(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DB_HOST", "/run/postgresql")
    environment.delenv("DB_PASSWORD")
    database = load_drain().database.parameters
    assert database == {"host": "/run/postgresql", "port": "5433", "dbname": "pontodb", "user": "ponto"}


def test_a_password_for_a_unix_socket_is_kept(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DB_HOST", "/run/postgresql")
    assert "password" in load_drain().database.parameters


@pytest.mark.parametrize("zone", ["Sao_Paulo", "America", "-03:00", "../etc/passwd", "/etc/localtime", "x\u00e9", " "])
def test_an_unknown_time_zone_is_refused_by_name(environment: pytest.MonkeyPatch, zone: str) -> None:
    environment.setenv("TIME_ZONE", zone)
    assert refusal() == f"TIME_ZONE: {zone!r} is not a time zone; use a name like America/Sao_Paulo."


def test_without_them_nothing_comes_back_sooner(environment: pytest.MonkeyPatch) -> None:
    for name in ("QUEUE_URL", "RETRY_DELAYS", "VISIBILITY_TIMEOUT"):
        environment.delenv(name, raising=False)
    settings = load_drain()
    assert (settings.queue_url, settings.retry_delays, settings.visibility_s) == ("", (), 0)


def test_the_queue_and_its_delays_are_read(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("QUEUE_URL", "https://punches")
    environment.setenv("RETRY_DELAYS", "5,10")
    environment.setenv("VISIBILITY_TIMEOUT", "451")
    settings = load_drain()
    assert (settings.queue_url, settings.retry_delays, settings.visibility_s) == ("https://punches", (5, 10), 451)


@pytest.mark.parametrize("delays", ["5,", "soon", "5;10", "1.5"])
def test_delays_that_cannot_be_read_are_refused_by_name(environment: pytest.MonkeyPatch, delays: str) -> None:
    environment.setenv("RETRY_DELAYS", delays)
    assert refusal() == f"RETRY_DELAYS: {delays!r} is no list of seconds, like 5,10,20."


def test_a_visibility_timeout_that_is_no_number_is_refused_by_name(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("VISIBILITY_TIMEOUT", "soon")
    assert refusal() == "VISIBILITY_TIMEOUT: 'soon' is not a number of seconds."


# TLS


@pytest.mark.parametrize("mode", ["prefer", "allow", "Verify-Full", "no"])
def test_a_mode_that_may_do_without_tls_is_refused(environment: pytest.MonkeyPatch, mode: str) -> None:
    environment.setenv("DB_SSLMODE", mode)
    assert refusal() == (
        f"DB_SSLMODE: {mode!r} does not ensure TLS; use verify-full, or disable for a server that has none."
    )


def test_a_socket_and_a_remote_host_are_remote(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DB_HOST", "/run/postgresql,db.example.com")
    assert load_drain().database.parameters.items() >= VERIFIED.items()


@pytest.mark.parametrize("mode", ["verify-full", "verify-ca", "require"])
def test_with_tls_the_certificate_is_always_looked_at(environment: pytest.MonkeyPatch, mode: str) -> None:
    environment.setenv("DB_SSLMODE", mode)
    assert load_drain().database.parameters == FROM_ENVIRONMENT | {"sslmode": mode}


def test_without_tls_only_when_told_so(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DB_SSLMODE", "disable")
    database = load_drain().database.parameters
    assert database["sslmode"] == "disable"
    assert not database.keys() & {"sslrootcert", "gssencmode"}


@pytest.mark.parametrize("relative", [True, False])
def test_another_authoritys_file_lies_in_the_package_or_anywhere(
    environment: pytest.MonkeyPatch, tmp_path: Path, relative: bool
) -> None:
    (tmp_path / "own.pem").touch()
    environment.chdir(tmp_path)  # which does not matter
    environment.setenv("DB_SSLROOTCERT", "handler.py" if relative else str(tmp_path / "own.pem"))
    assert load_drain().database.parameters["sslrootcert"] == str(
        ROOT / "handler.py" if relative else tmp_path / "own.pem"
    )


def test_a_certificate_file_that_is_not_there_is_named(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DB_SSLROOTCERT", "ponto/certificates/none.pem")
    assert refusal() == f"DB_SSLROOTCERT: there is no file {ROOT}/ponto/certificates/none.pem."


def test_the_systems_certificates_are_pythons(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "system.pem").touch()
    environment.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    environment.setenv("DB_SSLROOTCERT", "system")
    assert load_drain().database.parameters["sslrootcert"] == str(tmp_path / "system.pem")


def test_a_system_without_certificates_is_refused(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SSL_CERT_FILE", "/nonexistent")
    environment.setenv("DB_SSLROOTCERT", "system")
    assert refusal() == "DB_SSLROOTCERT: the system has no certificates; name a file."


@pytest.mark.parametrize("root", ["system", "handler.py", "/etc/hostname"])
@pytest.mark.parametrize("mode", ["verify-ca", "require"])
def test_without_the_servers_name_no_authority_is_enough_but_rds_own(
    environment: pytest.MonkeyPatch, mode: str, root: str
) -> None:
    environment.setenv("DB_SSLMODE", mode)
    environment.setenv("DB_SSLROOTCERT", root)
    assert refusal() == (
        f"DB_SSLMODE: {mode!r} looks at no name, and other servers have certificates of {root} too; use verify-full."
    )
    environment.setenv("DB_SSLROOTCERT", "ponto/certificates/rds.pem")
    assert load_drain().database.parameters == FROM_ENVIRONMENT | {"sslmode": mode}


# Identity


@pytest.mark.parametrize(("value", "identity"), [(None, False), ("", False), ("required", True)])
def test_employees_must_have_signed_in_where_the_stage_says_so(
    environment: pytest.MonkeyPatch, value: str | None, identity: bool
) -> None:
    if value is None:
        environment.delenv("IDENTITY", raising=False)
    else:
        environment.setenv("IDENTITY", value)
    assert load_drain().identity is identity


@pytest.mark.parametrize("value", ["true", "Required", "optional", "false", " required"])
def test_a_misspelt_identity_lets_nobody_in(environment: pytest.MonkeyPatch, value: str) -> None:
    environment.setenv("IDENTITY", value)
    assert refusal() == f"IDENTITY: {value!r} is not known; it is required, or not set."


# rds_config.py


def test_rds_config_wins_over_the_environment_as_a_whole(rds_config: WriteConfig) -> None:
    rds_config(RDS_CONFIG)
    assert load_drain().database == Database(FROM_RDS_CONFIG, None)


def test_rds_config_may_name_port_and_sslmode(rds_config: WriteConfig) -> None:
    rds_config(RDS_CONFIG + "db_port = 5434\ndb_sslmode = 'verify-ca'\n")
    assert load_drain().database.parameters == FROM_RDS_CONFIG | {
        "port": "5434",
        "sslmode": "verify-ca",
    }  # the name unseen


def test_what_is_wrong_in_rds_config_is_named_as_it_is_called_there(rds_config: WriteConfig) -> None:
    rds_config(RDS_CONFIG + "db_sslmode = 'prefer'\n")
    assert refusal().startswith("db_sslmode: 'prefer'")


def test_what_rds_config_lacks_is_named_as_it_is_called_there(rds_config: WriteConfig) -> None:
    rds_config("db_host = 'rds.example.com'\ndb_password = ''\n")
    assert refusal().startswith("Missing: db_name, db_username, db_password. ")


def test_what_both_lack_is_named_by_its_place(rds_config: WriteConfig, environment: pytest.MonkeyPatch) -> None:
    rds_config("db_password = 'CANARY-file'\n")
    environment.delenv("DLQ_URL")
    environment.delenv("TIME_ZONE")
    message = refusal()
    assert message.startswith("Missing: db_host, db_name, db_username, DLQ_URL, TIME_ZONE. ")
    assert "rds_config.example.py" in message


def test_a_module_that_rds_config_fails_to_import_is_not_taken_for_its_absence(rds_config: WriteConfig) -> None:
    rds_config(RDS_CONFIG + "import vault_of_ours\n")
    with pytest.raises(ModuleNotFoundError, match="vault_of_ours") as caught:
        load_drain()
    assert_tells_no_password(caught.value)


def test_a_name_that_rds_config_fails_to_import_is_not_taken_for_its_absence(rds_config: WriteConfig) -> None:
    rds_config(RDS_CONFIG + "from json import vault_of_ours\n")
    with pytest.raises(ImportError, match="vault_of_ours"):
        load_drain()


def test_the_example_is_a_complete_rds_config(rds_config: WriteConfig, tmp_path: Path) -> None:
    rds_config("")
    shutil.copy(ROOT / "rds_config.example.py", tmp_path / "rds_config.py")
    assert load_drain().database.parameters == {
        "host": "rds endpoint",
        "user": "username",
        "password": "password",
        "dbname": "database name",
        "port": "5432",
        **VERIFIED,
    }


# The database alone


def test_a_command_needs_the_database_alone_and_of_the_environment(
    environment: pytest.MonkeyPatch, rds_config: WriteConfig
) -> None:
    rds_config(RDS_CONFIG)
    environment.delenv("DLQ_URL")
    environment.delenv("TIME_ZONE")
    assert database_parameters() == FROM_ENVIRONMENT
    environment.delenv("DB_NAME")
    with pytest.raises(ConfigurationError, match=r"^Missing: DB_NAME\. Set them in the environment\.$"):
        database_parameters()


def test_a_command_too_takes_the_password_of_the_secret(
    secrets: "SecretsManagerClient", environment: pytest.MonkeyPatch
) -> None:
    put_secret(secrets, environment, {"username": "rotated", "password": "one"})
    environment.delenv("DB_PASSWORD")
    assert database_parameters() == FROM_ENVIRONMENT | {"user": "rotated", "password": "one"}


# Secrets Manager


def test_without_a_secret_the_parameters_are_those_found() -> None:
    assert connection_parameters(load_drain().database) == FROM_ENVIRONMENT


def test_the_secret_gives_user_and_password_and_nothing_else(
    secrets: "SecretsManagerClient", environment: pytest.MonkeyPatch
) -> None:
    content = {"username": "rotated", "password": "one", "host": "evil.example.com", "port": 1, "sslmode": "disable"}
    arn = put_secret(secrets, environment, content)
    environment.delenv("DB_PASSWORD")
    database = load_drain().database
    assert database.secret_arn == arn
    assert connection_parameters(database) == FROM_ENVIRONMENT | {"user": "rotated", "password": "one"}


def test_the_user_need_not_be_named_twice(secrets: "SecretsManagerClient", environment: pytest.MonkeyPatch) -> None:
    put_secret(secrets, environment, {"username": "rotated", "password": "one"})
    environment.delenv("DB_PASSWORD")
    environment.delenv("DB_USER")
    assert connection_parameters(load_drain().database)["user"] == "rotated"


def test_a_rotated_password_is_seen_by_the_next_call(
    secrets: "SecretsManagerClient", environment: pytest.MonkeyPatch
) -> None:
    arn = put_secret(secrets, environment, {"username": "ponto", "password": "one"})
    environment.delenv("DB_PASSWORD")
    database = load_drain().database
    assert connection_parameters(database) == FROM_ENVIRONMENT | {"password": "one"}
    secrets.put_secret_value(SecretId=arn, SecretString=json.dumps({"username": "ponto", "password": "two"}))
    assert connection_parameters(database) == FROM_ENVIRONMENT | {"password": "two"}
    assert "password" not in database.parameters


def test_the_functions_secret_is_told_apart_from_the_owners(
    secrets: "SecretsManagerClient", environment: pytest.MonkeyPatch
) -> None:
    put_secret(secrets, environment, {"username": "ponto", "password": "one"})
    content = json.dumps({"username": "ponto_function", "password": "two"})
    arn = secrets.create_secret(Name="function", SecretString=content)["ARN"]
    environment.setenv("FUNCTION_SECRET_ARN", arn)
    environment.delenv("DB_PASSWORD")
    settings = load_schema()
    assert settings.function_secret_arn == arn
    assert login(arn) == Login("ponto_function", "two")
    assert connection_parameters(settings.database)["user"] == "ponto"


@pytest.mark.parametrize(("value", "expected"), [(None, None), ("", None), ("5", 5), ("1000", 1000)])
def test_the_reserved_concurrency_is_a_number_or_not_known(
    environment: pytest.MonkeyPatch, value: str | None, expected: int | None
) -> None:
    if value is not None:
        environment.setenv("RESERVED_CONCURRENCY", value)
    assert load_schema().reserved_concurrency == expected


@pytest.mark.parametrize("value", ["-1", "many", "5.0"])
def test_a_reserved_concurrency_that_is_no_number_is_refused(environment: pytest.MonkeyPatch, value: str) -> None:
    environment.setenv("RESERVED_CONCURRENCY", value)
    with pytest.raises(ConfigurationError, match=f"RESERVED_CONCURRENCY: '{value}' is not a number"):
        load_schema()


def test_a_password_given_directly_needs_no_secret(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DB_SECRET_ARN", "arn:of:nothing")
    assert connection_parameters(load_drain().database) == FROM_ENVIRONMENT


def test_rds_config_with_a_password_needs_no_secret(rds_config: WriteConfig, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DB_SECRET_ARN", "arn:of:nothing")
    rds_config(RDS_CONFIG)
    assert connection_parameters(load_drain().database) == FROM_RDS_CONFIG


def test_a_secret_that_does_not_exist_raises_what_secrets_manager_says(
    secrets: "SecretsManagerClient", environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("DB_SECRET_ARN", "arn:aws:secretsmanager:us-east-1:123456789012:secret:none")
    environment.delenv("DB_PASSWORD")
    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        connection_parameters(load_drain().database)


@pytest.mark.parametrize(
    "content",
    ["CANARY", '{"username": "CANARY"}', '{"password": "CANARY"}', '"CANARY"', '["CANARY"]', "{CANARY", "null"],
)
def test_a_secret_of_another_form_is_refused_without_being_quoted(
    secrets: "SecretsManagerClient", environment: pytest.MonkeyPatch, content: str
) -> None:
    environment.setenv("DB_SECRET_ARN", secrets.create_secret(Name="database", SecretString=content)["ARN"])
    environment.delenv("DB_PASSWORD")
    with pytest.raises(
        ConfigurationError, match=r"^The secret arn:.* must be JSON with username and password\.$"
    ) as caught:
        connection_parameters(load_drain().database)
    assert_tells_no_password(caught.value)


def test_a_binary_secret_is_refused(secrets: "SecretsManagerClient", environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DB_SECRET_ARN", secrets.create_secret(Name="database", SecretBinary=b"CANARY")["ARN"])
    environment.delenv("DB_PASSWORD")
    with pytest.raises(ConfigurationError, match="must be JSON with username and password"):
        connection_parameters(load_drain().database)
