"""Settings of the functions, read from the environment; those of the database may come from `rds_config.py`.

`serverless.yml` sets the environment. The functions that read settings raise ConfigurationError, which lists every
missing value, or the first invalid one.
"""

import importlib.util
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ponto.shared import iam_login

_SECRET_TIMEOUT_SECONDS = 2  # to connect and again to read

SECRET_FETCH_TIMEOUT_SECONDS = 2 * _SECRET_TIMEOUT_SECONDS
"""Maximum duration of fetching a secret: before the first connection, and again after a failed one."""

_ROOT = Path(__file__).parents[2]
_RDS_CERTIFICATES = _ROOT / "ponto" / "certificates" / "rds.pem"
_VERIFYING_MODES = ("verify-full", "verify-ca", "require")  # libpq treats require as verify-ca if sslrootcert is set

# libpq's keyword -> its name in rds_config.py
_RDS_CONFIG_KEYS = {
    "host": "db_host",
    "dbname": "db_name",
    "user": "db_username",
    "password": "db_password",
    "port": "db_port",
    "sslmode": "db_sslmode",
    "sslrootcert": "db_sslrootcert",
}
# libpq's keyword -> its name in the environment
_ENVIRONMENT_NAMES = {keyword: name.upper() for keyword, name in _RDS_CONFIG_KEYS.items()} | {"user": "DB_USER"}
_DEFAULT_PORT = 5432  # PostgreSQL's


class ConfigurationError(RuntimeError):
    """Values are missing from the configuration, or one is invalid; the message names each and where to set it."""


class DatabaseSettings(NamedTuple):
    """Address and user of a database. Never log them: the parameters may include a password."""

    parameters: Mapping[str, str | Callable[[], str]]  # libpq's keywords
    secret_arn: str | None = None  # a Secrets Manager secret with the user's name and password
    uses_iam_auth: bool = False  # the password is a function that generates an RDS IAM authentication token

    def connection_parameters(self) -> Mapping[str, str | Callable[[], str]]:
        """Return `connection.Parameters`, with the current user and password from the secret, if there is one."""
        if self.secret_arn is None or "password" in self.parameters:
            return self.parameters
        return {**self.parameters, **fetch_credentials(self.secret_arn)._asdict()}


class DrainSettings(NamedTuple):
    """Settings of the function that stores punches."""

    database: DatabaseSettings
    dlq_url: str
    zone: ZoneInfo  # in which a time sent without an offset is local
    is_sign_in_required: bool  # whether a punch must belong to the signed-in user
    queue_url: str  # the queue of punches; if empty, failed messages reappear after its visibility timeout
    retry_delays_seconds: tuple[int, ...]  # after the first receive, the second, ...; then the visibility timeout
    visibility_timeout_seconds: int  # of the queue; 0 if unknown


class DatabaseRole(NamedTuple):
    """A database role that a function logs in as."""

    secret_arn: str | None  # None if the role has no password
    concurrency: int | None  # concurrent executions of the function; None if unknown


class SchemaSettings(NamedTuple):
    """Settings of the function that applies migrations."""

    database: DatabaseSettings  # with the owner's login
    zone: ZoneInfo  # default of the database
    slices: tuple[str, ...]  # slices with migrations, in dependency order
    roles: Mapping[str, DatabaseRole]  # by name
    maintenance_database: str = ""  # to connect to in order to create a missing database; empty if the database exists


class Credentials(NamedTuple):
    """Content of a secret. Never log it."""

    user: str
    password: str


def load_drain(environment: Mapping[str, str] = os.environ) -> DrainSettings:
    """Read the settings of the function that stores punches."""
    database = load_database(environment, required=("DLQ_URL", "TIME_ZONE"))
    delays = environment.get("RETRY_DELAYS")
    return DrainSettings(
        database=database,
        dlq_url=environment["DLQ_URL"],
        zone=parse_time_zone(environment["TIME_ZONE"]),
        is_sign_in_required=is_sign_in_required(environment),
        queue_url=environment.get("QUEUE_URL", ""),
        retry_delays_seconds=tuple(map(int, delays.split(","))) if delays else (),
        visibility_timeout_seconds=int(environment.get("VISIBILITY_TIMEOUT") or 0),
    )


def load_schema(environment: Mapping[str, str] = os.environ) -> SchemaSettings:
    """Read the settings of the function that applies migrations."""
    database = load_database(environment, required=("TIME_ZONE",))
    # An unset SLICES must not be treated as empty, because the views of all slices would be dropped.
    _check_missing([name for name in ("SLICES", "ROLES") if name not in environment])
    return SchemaSettings(
        database=database,
        zone=parse_time_zone(environment["TIME_ZONE"]),
        slices=tuple(filter(None, environment["SLICES"].split(","))),
        roles=_read_roles(environment),
        maintenance_database=environment.get("DB_CREATED_FROM", ""),
    )


def required_variables(environment: Mapping[str, str], *names: str) -> dict[str, str]:
    """Return the named environment variables, or raise ConfigurationError if one is unset or empty."""
    _check_missing([name for name in names if not environment.get(name)])
    return {name: environment[name] for name in names}


def is_sign_in_required(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether a punch must belong to the signed-in user, because a slice requires sign-in."""
    return _parse_choice(environment, "SIGN_IN_REQUIRED", "true") == "true"


def parse_time_zone(name: str) -> ZoneInfo:
    """Return the time zone that TIME_ZONE names."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: "America" is a folder
        raise _invalid("TIME_ZONE", name, "is not a time zone; use a name such as America/Sao_Paulo") from None


def load_database(
    environment: Mapping[str, str] = os.environ,
    *,
    required: Sequence[str] = (),
    rds_certificates: Path = _RDS_CERTIFICATES,
) -> DatabaseSettings:
    """Read the settings of the database from `rds_config.py` if it exists, otherwise from the environment.

    Args:
        environment: variables of the process. Those with AWS credentials are read again for each token.
        required: other variables that must not be empty; the error lists them too.
        rds_certificates: CA bundle used by default; its CAs sign certificates of RDS only.
    """
    values: Mapping[str, Any] = environment
    names = _ENVIRONMENT_NAMES
    if importlib.util.find_spec("rds_config"):
        values, names = vars(importlib.import_module("rds_config")), _RDS_CONFIG_KEYS
    raw_settings = {keyword: str(values.get(name) or "") for keyword, name in names.items()}
    secret_arn = environment.get("DB_SECRET_ARN") or None
    # DB_LOGIN applies even if the other settings come from rds_config.py.
    uses_iam_auth = _parse_choice(environment, "DB_LOGIN", "iam", "secret") == "iam"
    tls = _tls_parameters(raw_settings, names, rds_certificates)
    if uses_iam_auth and tls.get("sslmode") == "disable":
        raise _invalid(names["sslmode"], "disable", "would send the IAM token unencrypted; use verify-full")

    optional = {"port", "sslmode", "sslrootcert"}
    if uses_iam_auth or _is_socket(raw_settings["host"]):  # a local server may use trust or peer authentication
        optional.add("password")
    if secret_arn and not uses_iam_auth:
        optional |= {"user", "password"}
    missing = [name for keyword, name in names.items() if not raw_settings[keyword] and keyword not in optional]
    missing += [
        name
        for name in (*(iam_login.REQUIRED_VARIABLES if uses_iam_auth else ()), *required)
        if not environment.get(name)
    ]
    _check_missing(missing)

    parameters = {
        keyword: value for keyword, value in raw_settings.items() if value and not keyword.startswith("ssl")
    } | tls
    if not uses_iam_auth:
        return DatabaseSettings(parameters, secret_arn)
    port = int(parameters.get("port", _DEFAULT_PORT))

    def generate_token() -> str:  # not a `partial`, whose repr would contain the credentials
        return iam_login.generate_token(parameters["host"], port, parameters["user"], environment)

    return DatabaseSettings({**parameters, "password": generate_token}, secret_arn, uses_iam_auth)


def fetch_credentials(arn: str) -> Credentials:
    """Fetch a user's name and password from Secrets Manager.

    Raises:
        ConfigurationError: the secret is not JSON with username and password.
        botocore.exceptions.BotoCoreError, ClientError: the request failed.
    """
    # Imported here because importing boto3 takes ten times as long as psycopg2, and only a secret needs it.
    import boto3
    from botocore.config import Config

    timeout = _SECRET_TIMEOUT_SECONDS
    # One attempt is enough: SQS redelivers a batch that could not be stored.
    config = Config(connect_timeout=timeout, read_timeout=timeout, retries={"total_max_attempts": 1})
    response = boto3.client("secretsmanager", config=config).get_secret_value(SecretId=arn)
    try:
        secret = json.loads(response["SecretString"])
        return Credentials(secret["username"], secret["password"])
    except (ValueError, KeyError, TypeError):
        raise ConfigurationError(f"The secret {arn} must be JSON with username and password.") from None


def _check_missing(names: Sequence[str]) -> None:
    if names:
        raise ConfigurationError(
            f"Missing: {', '.join(names)}. serverless.yml sets them in the environment; rds_config.py, a copy of "
            "rds_config.example.py, sets those of the database."
        )


def _invalid(name: str, value: str, reason: str) -> ConfigurationError:
    return ConfigurationError(f"{name}: {value!r} {reason}.")


def _parse_choice(environment: Mapping[str, str], name: str, *choices: str) -> str:
    """Return the value, which must be one of the choices or empty.

    Typos are rejected because an unrecognized value could disable a check, such as that of the signed-in user.
    """
    value = environment.get(name, "")
    if value not in ("", *choices):
        raise _invalid(name, value, f"is invalid; set it to {' or '.join(choices)}, or leave it unset")
    return value


def _read_roles(environment: Mapping[str, str]) -> dict[str, DatabaseRole]:
    """Read ROLES, a list of ROLE:PREFIX, where PREFIX begins the names of the role's variables."""
    roles = {}
    for pair in filter(None, environment["ROLES"].split(",")):
        role, prefix = pair.split(":")
        concurrency = environment.get(f"{prefix}_CONCURRENCY")
        secret_arn = environment.get(f"{prefix}_SECRET_ARN") or None
        roles[role] = DatabaseRole(secret_arn, int(concurrency) if concurrency else None)
    return roles


def _tls_parameters(
    raw_settings: Mapping[str, str], names: Mapping[str, str], rds_certificates: Path
) -> dict[str, str]:
    """Return libpq's TLS parameters: the certificate is verified, unless TLS is disabled."""
    if _is_socket(raw_settings["host"]):
        return {}
    mode = raw_settings["sslmode"] or "verify-full"
    if mode == "disable":
        return {"sslmode": mode}
    if mode not in _VERIFYING_MODES:
        reason = "does not enforce TLS; use verify-full, or disable for a server without TLS"
        raise _invalid(names["sslmode"], mode, reason)
    root = raw_settings["sslrootcert"] or str(rds_certificates)
    if mode != "verify-full" and _ROOT / root != rds_certificates:  # a company CA signs certificates of many servers
        reason = f"does not verify the host name, and the CA in {root} also signs for other servers; use verify-full"
        raise _invalid(names["sslmode"], mode, reason)
    if root == "system":
        import ssl  # the libpq bundled with psycopg2 would look in the CA path of its build machine

        root = ssl.get_default_verify_paths().cafile or ""
        if not root:
            raise ConfigurationError(f"{names['sslrootcert']}: no system CA bundle was found; name a file.")
    file = _ROOT / root
    if not file.is_file():
        raise ConfigurationError(f"{names['sslrootcert']}: there is no file {file}.")
    # Unless GSSAPI encryption is disabled, libpq tries it before TLS.
    return {"sslmode": mode, "sslrootcert": str(file), "gssencmode": "disable"}


def _is_socket(host: str) -> bool:
    """Return whether every host in libpq's comma-separated list is a Unix socket."""
    return all(name.startswith("/") for name in host.split(","))
