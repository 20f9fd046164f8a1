"""Where the functions find the database, the queues and the time zone.

`rds_config.py` at the root, where there is one, names the database; otherwise the environment does, as
`serverless.yml` sets it. What reads them raises ConfigurationError, naming all that is missing, or what is wrong.
"""

import importlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ponto import iam_login

_SECRET_TIMEOUT_SECONDS = 2  # s, to connect and again to read

MAX_SECRET_SECONDS = 2 * _SECRET_TIMEOUT_SECONDS
"""How long Secrets Manager may take: before the first connection, and after one that failed."""

_ROOT = Path(__file__).parent.parent
_RDS_CERTIFICATES = Path(__file__).parent / "certificates" / "rds.pem"
_VERIFIED = ("verify-full", "verify-ca", "require")  # libpq takes require for verify-ca where a root is named

# libpq's keyword -> its name in rds_config.py
_IN_FILE = {
    "host": "db_host",
    "dbname": "db_name",
    "user": "db_username",
    "password": "db_password",
    "port": "db_port",
    "sslmode": "db_sslmode",
    "sslrootcert": "db_sslrootcert",
}
# libpq's keyword -> its name in the environment
_IN_ENVIRONMENT = {keyword: name.upper() for keyword, name in _IN_FILE.items()} | {"user": "DB_USER"}
_OPTIONAL = {"port", "sslmode", "sslrootcert"}
# What signs a token, which Lambda gives each function; the session token lacks where the keys are not temporary.
_KEYS = ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_PORT = 5432  # PostgreSQL's


class ConfigurationError(RuntimeError):
    """The configuration lacks values, or holds wrong ones; the message names each and where it belongs."""


class Database(NamedTuple):
    """Where a database is, and who connects; never log it: a password may be among the parameters."""

    parameters: dict[str, str]  # libpq's keywords
    secret_arn: str | None  # a Secrets Manager secret with the user's name and password
    by_iam: bool = False  # the password is a token of AWS's IAM

    def token(self) -> str:
        """Make the password for one connection, of the credentials that the environment has now."""
        region, access_key, secret_key = (os.environ[name] for name in _KEYS)
        return iam_login.token(
            host=self.parameters["host"],
            port=int(self.parameters.get("port", _PORT)),
            user=self.parameters["user"],
            region=region,
            access_key=access_key,
            secret_key=secret_key,
            session_token=os.environ.get("AWS_SESSION_TOKEN", ""),
            at=datetime.now(UTC),
        )


class DrainSettings(NamedTuple):
    """Of the function that stores punches."""

    database: Database
    dlq_url: str
    zone: ZoneInfo  # in which a time sent without an offset is local
    identity: bool  # whether a punch must be of the employee who signed in
    queue_url: str  # of the queue of punches; empty: what failed comes back after the queue's own timeout
    retry_delays: tuple[int, ...]  # s, after the first receive, the second, ...; then the queue's own timeout holds
    visibility_timeout_seconds: int  # for which the queue hides a message by itself; 0: not known


class FunctionRole(NamedTuple):
    """What `schema` is told of the function that signs in as a role of the database."""

    secret_arn: str | None  # None: the role has no password
    concurrency: int | None  # executions at once; None: not known


class SchemaSettings(NamedTuple):
    """Of the function that applies migrations."""

    database: Database  # as its owner
    zone: ZoneInfo  # of the database
    slices: tuple[str, ...]  # that bring migrations, each behind those that it needs
    roles: Mapping[str, FunctionRole]  # by their names
    created_from: str = ""  # the database in which to make it if it is not there; empty: it is there


class Login(NamedTuple):
    """What a secret holds; never log it."""

    user: str
    password: str


def load_drain() -> DrainSettings:
    """Read the settings of the function that stores punches."""
    database, found = _database_and("DLQ_URL", "TIME_ZONE")
    return DrainSettings(
        database=database,
        dlq_url=found["DLQ_URL"],
        zone=parse_time_zone(found["TIME_ZONE"]),
        identity=is_identity_required(),
        queue_url=os.environ.get("QUEUE_URL", ""),
        retry_delays=_retry_delays(),
        visibility_timeout_seconds=_number_of("seconds", "VISIBILITY_TIMEOUT") or 0,
    )


def load_database() -> Database:
    """Find the database of a function that needs nothing else."""
    return _database_and()[0]


def is_identity_required() -> bool:
    """Tell whether a punch must be of somebody who is vouched for: where the stage has a user pool."""
    return _one_of("IDENTITY", "required") == "required"


def load_schema() -> SchemaSettings:
    """Read the settings of the function that applies migrations."""
    database, found = _database_and("TIME_ZONE")
    if missing := [name for name in ("SLICES", "ROLES") if name not in os.environ]:  # of slices that lack, views go
        raise ConfigurationError(
            f"Missing: {', '.join(missing)}. Set them in the environment (serverless.yml does), maybe to nothing."
        )
    return SchemaSettings(
        database=database,
        zone=parse_time_zone(found["TIME_ZONE"]),
        slices=tuple(filter(None, os.environ["SLICES"].split(","))),
        roles=dict(_roles()),
        created_from=os.environ.get("DB_CREATED_FROM", ""),
    )


def required_variables(*names: str) -> dict[str, str]:
    """Give values of the environment by name, to a function without a database."""
    found, missing = _required(*names)
    if missing:
        raise ConfigurationError(f"Missing: {', '.join(missing)}. Set them in the environment (serverless.yml does).")
    return found


def connection_parameters(database: Database) -> Mapping[str, str | Callable[[], str]]:
    """Give libpq's keywords; user and password are fetched anew where a secret holds them, as of `login`.

    With a login by IAM the password is what gives it, as of `connection.Parameters`.
    """
    if database.by_iam:
        return {**database.parameters, "password": database.token}
    if database.secret_arn is None or "password" in database.parameters:
        return database.parameters
    return database.parameters | fetch_login(database.secret_arn)._asdict()


def fetch_login(arn: str) -> Login:
    """Fetch a user's name and password from Secrets Manager.

    Raises:
        ConfigurationError: the secret has not the form that RDS gives it.
        botocore.exceptions.BotoCoreError, ClientError: Secrets Manager did not answer, or refused.
    """
    # Imported here: it takes ten times as long as psycopg2, and without a secret it is not needed.
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "secretsmanager",
        # One attempt: a batch that could not be stored comes back by itself.
        config=Config(
            connect_timeout=_SECRET_TIMEOUT_SECONDS,
            read_timeout=_SECRET_TIMEOUT_SECONDS,
            retries={"total_max_attempts": 1},
        ),
    )
    answer = client.get_secret_value(SecretId=arn)
    try:
        secret = json.loads(answer["SecretString"])
        return Login(secret["username"], secret["password"])
    except (ValueError, KeyError, TypeError):
        raise ConfigurationError(f"The secret {arn} must be JSON with username and password.") from None


def parse_time_zone(name: str) -> ZoneInfo:
    """Give the time zone that TIME_ZONE names."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: "America" is a folder
        raise ConfigurationError(
            f"TIME_ZONE: {name!r} is not a time zone; use a name like America/Sao_Paulo."
        ) from None


def _one_of(name: str, *words: str) -> str:
    """Give one of these words, or nothing: a typo must not, say, let everybody punch for everybody."""
    value = os.environ.get(name, "")
    if value not in ("", *words):
        raise ConfigurationError(f"{name}: {value!r} is not known; it is {', '.join(words)}, or not set.")
    return value


def _roles() -> Iterator[tuple[str, FunctionRole]]:
    """Each function's role: ROLES has its name in the database, and how its variables in the environment begin."""
    for pair in filter(None, os.environ["ROLES"].split(",")):
        role, _, begin = pair.partition(":")
        if not begin:
            raise ConfigurationError(f"ROLES: {role!r} has no variables; it is like ponto_function:FUNCTION.")
        concurrency = _number_of("executions", f"{begin}_CONCURRENCY")
        yield role, FunctionRole(os.environ.get(f"{begin}_SECRET_ARN") or None, concurrency)


def _number_of(what: str, name: str) -> int | None:
    value = os.environ.get(name, "")
    if value and not value.isdecimal():
        raise ConfigurationError(f"{name}: {value!r} is not a number of {what}.")
    return int(value) if value else None


def _retry_delays() -> tuple[int, ...]:
    value = os.environ.get("RETRY_DELAYS", "")
    try:
        return tuple(map(int, value.split(","))) if value else ()
    except ValueError:
        raise ConfigurationError(f"RETRY_DELAYS: {value!r} is no list of seconds, like 5,10,20.") from None


def _database_and(*names: str) -> tuple[Database, dict[str, str]]:
    """Find the database, and these values of the environment."""
    in_file = _rds_config()
    database, missing = database_of_environment() if in_file is None else _read(in_file, _IN_FILE)
    found, also_missing = _required(*names)
    if missing := missing + also_missing:
        raise ConfigurationError(
            f"Missing: {', '.join(missing)}. Set them in the environment (serverless.yml does), or copy "
            "rds_config.example.py to rds_config.py for those that start with db_."
        )
    return database, found


def _required(*names: str) -> tuple[dict[str, str], list[str]]:
    """Give values of the environment by name, and the names of those that are missing."""
    found = {name: os.environ.get(name, "") for name in names}
    return found, [name for name, value in found.items() if not value]


def _rds_config() -> Mapping[str, Any] | None:
    """Give what `rds_config.py` says, by name; None: there is no such file."""
    try:
        return vars(importlib.import_module("rds_config"))
    except ModuleNotFoundError as error:
        if error.name != "rds_config":
            raise
        return None


def database_of_environment() -> tuple[Database, list[str]]:
    """Give the database that the environment names, and the names of what is missing there."""
    return _read(os.environ, _IN_ENVIRONMENT)


def _read(values: Mapping[str, Any], names: Mapping[str, str]) -> tuple[Database, list[str]]:
    """Read a database from its values by name, given libpq's keyword -> the name: here alone the two are told apart."""
    found = {keyword: str(values.get(name) or "") for keyword, name in names.items()}
    secret_arn = os.environ.get("DB_SECRET_ARN") or None
    by_iam = _one_of("DB_LOGIN", "iam", "secret") == "iam"  # whatever else names the database
    optional = set(_OPTIONAL)
    if by_iam or _is_socket(found["host"]):  # whose server may trust its own machine
        optional.add("password")
    if secret_arn and not by_iam:
        optional |= {"user", "password"}
    missing = [name for keyword, name in names.items() if not found[keyword] and keyword not in optional]
    if by_iam:
        found["password"] = ""  # whatever is said there
        missing += _required(*_KEYS)[1]
    found |= _tls(found, names)
    if by_iam and found["sslmode"] == "disable":
        raise ConfigurationError(f"{names['sslmode']}: 'disable' would send IAM's token in the clear; use verify-full.")
    return Database({keyword: value for keyword, value in found.items() if value}, secret_arn, by_iam), missing


def _tls(found: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    """Give libpq's keywords for the way to the host: verified, unless it is told to do without TLS."""
    if _is_socket(found["host"]):
        return {"sslmode": "", "sslrootcert": ""}
    mode = found["sslmode"] or _VERIFIED[0]
    if mode == "disable":
        return {"sslmode": mode, "sslrootcert": ""}
    wrong_mode = f"{names['sslmode']}: {mode!r}"
    if mode not in _VERIFIED:
        raise ConfigurationError(
            f"{wrong_mode} does not ensure TLS; use verify-full, or disable for a server that has none."
        )
    root = found["sslrootcert"] or str(_RDS_CERTIFICATES)
    if mode != "verify-full" and _ROOT / root != _RDS_CERTIFICATES:  # a company's authority signs many servers
        raise ConfigurationError(
            f"{wrong_mode} looks at no name, and other servers have certificates of {root} too; use verify-full."
        )
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
    """Tell whether a Unix socket is meant, and nothing else: libpq takes a list."""
    return all(each.startswith("/") for each in host.split(","))
