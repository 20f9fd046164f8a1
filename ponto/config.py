"""Settings of the functions: from the environment, and of the database from `rds_config.py`, where there is one.

`serverless.yml` sets the environment. What reads settings raises ConfigurationError, which names all values that are
missing, or one that is wrong.
"""

import importlib.util
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ponto import iam_login

_SECRET_TIMEOUT_SECONDS = 2  # to connect and again to read

MAX_SECRET_SECONDS = 2 * _SECRET_TIMEOUT_SECONDS
"""Longest answer of Secrets Manager: before the first connection, and after one that failed."""

_ROOT = Path(__file__).parent.parent
_RDS_CERTIFICATES = Path(__file__).parent / "certificates" / "rds.pem"
_VERIFYING_MODES = ("verify-full", "verify-ca", "require")  # libpq takes require for verify-ca where a root is named

# libpq's keyword -> its name in rds_config.py
_FILE_NAMES = {
    "host": "db_host",
    "dbname": "db_name",
    "user": "db_username",
    "password": "db_password",
    "port": "db_port",
    "sslmode": "db_sslmode",
    "sslrootcert": "db_sslrootcert",
}
# libpq's keyword -> its name in the environment
_ENVIRONMENT_NAMES = {keyword: name.upper() for keyword, name in _FILE_NAMES.items()} | {"user": "DB_USER"}
_DEFAULT_PORT = 5432  # PostgreSQL's


class ConfigurationError(RuntimeError):
    """The configuration lacks values, or has a wrong one; the message names each and where it belongs."""


class Database(NamedTuple):
    """Address and user of a database; never log it: a password may be among the parameters."""

    parameters: Mapping[str, str | Callable[[], str]]  # libpq's keywords
    secret_arn: str | None = None  # a Secrets Manager secret with the user's name and password
    by_iam: bool = False  # the password is a function that signs a token of AWS's IAM

    def connection_parameters(self) -> Mapping[str, str | Callable[[], str]]:
        """Return `connection.Parameters`; user and password are as the secret has them now, if there is one."""
        if self.secret_arn is None or "password" in self.parameters:
            return self.parameters
        return {**self.parameters, **fetch_login(self.secret_arn)._asdict()}


class DrainSettings(NamedTuple):
    """Settings of the function that stores punches."""

    database: Database
    dlq_url: str
    zone: ZoneInfo  # in which a time sent without an offset is local
    requires_sign_in: bool  # whether a punch must be of the employee who signed in
    queue_url: str  # of the queue of punches; empty: what failed comes back after the queue's own timeout
    retry_delays: tuple[int, ...]  # s, after the first receive, the second, ...; then the queue's own timeout holds
    visibility_timeout_seconds: int  # of the queue; 0: not known


class FunctionRole(NamedTuple):
    """A function that signs in as a role of the database, as `schema` sees it."""

    secret_arn: str | None  # None: the role has no password
    concurrency: int | None  # executions at once; None: not known


class SchemaSettings(NamedTuple):
    """Settings of the function that applies migrations."""

    database: Database  # as its owner
    zone: ZoneInfo  # of the database
    slices: tuple[str, ...]  # that bring migrations, each after those that it needs
    roles: Mapping[str, FunctionRole]  # by their names
    maintenance_database: str = ""  # the database in which to create it if it does not exist; empty: it exists


class Login(NamedTuple):
    """Content of a secret; never log it."""

    user: str
    password: str


def load_drain(environment: Mapping[str, str] = os.environ) -> DrainSettings:
    """Read the settings of the function that stores punches."""
    database = load_database(environment, required=("DLQ_URL", "TIME_ZONE"))
    return DrainSettings(
        database=database,
        dlq_url=environment["DLQ_URL"],
        zone=parse_time_zone(environment["TIME_ZONE"]),
        requires_sign_in=is_sign_in_required(environment),
        queue_url=environment.get("QUEUE_URL", ""),
        retry_delays=_retry_delays(environment.get("RETRY_DELAYS", "")),
        visibility_timeout_seconds=_number(environment, "VISIBILITY_TIMEOUT", "seconds") or 0,
    )


def load_schema(environment: Mapping[str, str] = os.environ) -> SchemaSettings:
    """Read the settings of the function that applies migrations."""
    database = load_database(environment, required=("TIME_ZONE",))
    # Both must be set: the views of slices that are not named are dropped.
    _check_missing(
        [name for name in ("SLICES", "ROLES") if name not in environment], " (serverless.yml does); they may be empty"
    )
    return SchemaSettings(
        database=database,
        zone=parse_time_zone(environment["TIME_ZONE"]),
        slices=tuple(filter(None, environment["SLICES"].split(","))),
        roles=_roles(environment),
        maintenance_database=environment.get("DB_CREATED_FROM", ""),
    )


def required_variables(environment: Mapping[str, str], *names: str) -> dict[str, str]:
    """Return variables of a function without a database, none of them empty."""
    _check_missing([name for name in names if not environment.get(name)], " (serverless.yml does)")
    return {name: environment[name] for name in names}


def is_sign_in_required(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether a punch must be of an employee who signed in: where the stage has a user pool."""
    return _choice(environment, "IDENTITY", "required") == "required"


def parse_time_zone(name: str) -> ZoneInfo:
    """Return the time zone that TIME_ZONE names."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: "America" is a folder
        raise _invalid("TIME_ZONE", name, "is not a time zone; use a name like America/Sao_Paulo") from None


def load_database(
    environment: Mapping[str, str] = os.environ,
    *,
    required: Sequence[str] = (),
    reads_file: bool = True,
    rds_certificates: Path = _RDS_CERTIFICATES,
) -> Database:
    """Read where the database is: from `rds_config.py` where there is one, or else from the environment.

    Args:
        environment: variables of the process. Those with AWS credentials are read again for each token.
        required: other variables that must not be empty; the error names them beside those of the database.
        reads_file: whether `rds_config.py` counts.
        rds_certificates: a file of authorities that sign for RDS only, the default.
    """
    values: Mapping[str, Any] = environment
    names = _ENVIRONMENT_NAMES
    if reads_file and importlib.util.find_spec("rds_config"):
        values, names = vars(importlib.import_module("rds_config")), _FILE_NAMES
    found = {keyword: str(values.get(name) or "") for keyword, name in names.items()}
    secret_arn = environment.get("DB_SECRET_ARN") or None
    by_iam = _choice(environment, "DB_LOGIN", "iam", "secret") == "iam"  # whatever else names the database
    tls = _tls(found, names, rds_certificates)
    if by_iam and tls.get("sslmode") == "disable":
        raise _invalid(names["sslmode"], "disable", "would send IAM's token in the clear; use verify-full")

    optional = {"port", "sslmode", "sslrootcert"}
    if by_iam or _is_socket(found["host"]):  # whose server may trust its own machine
        optional.add("password")
    if secret_arn and not by_iam:
        optional |= {"user", "password"}
    missing = [name for keyword, name in names.items() if not found[keyword] and keyword not in optional]
    missing += [
        name for name in (*(iam_login.REQUIRED_VARIABLES if by_iam else ()), *required) if not environment.get(name)
    ]
    example = " (serverless.yml does), or copy rds_config.example.py to rds_config.py for those that start with db_"
    _check_missing(missing, example if reads_file else "")

    parameters = {keyword: value for keyword, value in found.items() if value and not keyword.startswith("ssl")} | tls
    if not by_iam:
        return Database(parameters, secret_arn)
    port = int(parameters.get("port", _DEFAULT_PORT))

    def sign_in_token() -> str:  # no `partial`: its repr would have the credentials
        return iam_login.token(parameters["host"], port, parameters["user"], environment)

    return Database({**parameters, "password": sign_in_token}, secret_arn, by_iam)


def fetch_login(arn: str) -> Login:
    """Fetch a user's name and password from Secrets Manager.

    Raises:
        ConfigurationError: the secret has not the form that RDS gives it.
        botocore.exceptions.BotoCoreError, ClientError: Secrets Manager did not answer, or refused.
    """
    # Imported here: it takes ten times as long as psycopg2, and without a secret it is not needed.
    import boto3
    from botocore.config import Config

    timeout = _SECRET_TIMEOUT_SECONDS
    # One attempt: a batch that could not be stored comes back by itself.
    config = Config(connect_timeout=timeout, read_timeout=timeout, retries={"total_max_attempts": 1})
    answer = boto3.client("secretsmanager", config=config).get_secret_value(SecretId=arn)
    try:
        secret = json.loads(answer["SecretString"])
        return Login(secret["username"], secret["password"])
    except (ValueError, KeyError, TypeError):
        raise ConfigurationError(f"The secret {arn} must be JSON with username and password.") from None


def _check_missing(names: Sequence[str], advice: str) -> None:
    if names:
        raise ConfigurationError(f"Missing: {', '.join(names)}. Set them in the environment{advice}.")


def _invalid(name: str, value: str, reason: str) -> ConfigurationError:
    return ConfigurationError(f"{name}: {value!r} {reason}.")


def _choice(environment: Mapping[str, str], name: str, *words: str) -> str:
    """Return one of the words, or nothing: a typo must not, say, let everybody punch for everybody."""
    value = environment.get(name, "")
    if value not in ("", *words):
        raise _invalid(name, value, f"is not known; it is {', '.join(words)}, or not set")
    return value


def _number(environment: Mapping[str, str], name: str, unit: str) -> int | None:
    value = environment.get(name, "")
    if value and not value.isdecimal():
        raise _invalid(name, value, f"is not a number of {unit}")
    return int(value) if value else None


def _retry_delays(value: str) -> tuple[int, ...]:
    try:
        return tuple(map(int, value.split(","))) if value else ()
    except ValueError:
        raise _invalid("RETRY_DELAYS", value, "is no list of seconds, like 5,10,20") from None


def _roles(environment: Mapping[str, str]) -> dict[str, FunctionRole]:
    """Return the roles of ROLES, which has each with the prefix of its variables."""
    roles = {}
    for pair in filter(None, environment["ROLES"].split(",")):
        role, _, prefix = pair.partition(":")
        if not prefix:
            raise _invalid("ROLES", role, "has no variables; it is like ponto_function:FUNCTION")
        concurrency = _number(environment, f"{prefix}_CONCURRENCY", "executions")
        roles[role] = FunctionRole(environment.get(f"{prefix}_SECRET_ARN") or None, concurrency)
    return roles


def _tls(found: Mapping[str, str], names: Mapping[str, str], rds_certificates: Path) -> dict[str, str]:
    """Return libpq's keywords for TLS to the host: with a verified certificate, unless TLS is disabled."""
    if _is_socket(found["host"]):
        return {}
    mode = found["sslmode"] or "verify-full"
    if mode == "disable":
        return {"sslmode": mode}
    if mode not in _VERIFYING_MODES:
        rule = "does not ensure TLS; use verify-full, or disable for a server that has none"
        raise _invalid(names["sslmode"], mode, rule)
    root = found["sslrootcert"] or str(rds_certificates)
    if mode != "verify-full" and _ROOT / root != rds_certificates:  # a company's authority signs many servers
        rule = f"looks at no name, and other servers have certificates of {root} too; use verify-full"
        raise _invalid(names["sslmode"], mode, rule)
    if root == "system":
        import ssl  # libpq would look for them where its wheel was built

        root = ssl.get_default_verify_paths().cafile or ""
        if not root:
            raise ConfigurationError(f"{names['sslrootcert']}: the system has no certificates; name a file.")
    file = _ROOT / root
    if not file.is_file():
        raise ConfigurationError(f"{names['sslrootcert']}: there is no file {file}.")
    return {"sslmode": mode, "sslrootcert": str(file), "gssencmode": "disable"}  # GSS would go before TLS


def _is_socket(host: str) -> bool:
    """Return whether each host of libpq's list is a Unix socket."""
    return all(each.startswith("/") for each in host.split(","))
