"""Where the functions find the database, the queues and the time zone.

`rds_config.py` at the root, where there is one, names the database; otherwise the environment does, as
`serverless.yml` sets it.
"""

import importlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_SECRET_TIMEOUT = 2  # s, to connect and again to read

SECRET_SECONDS = 2 * _SECRET_TIMEOUT
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
IN_ENVIRONMENT = {keyword: name.upper() for keyword, name in _IN_FILE.items()} | {"user": "DB_USER"}
"""libpq's keyword -> its name in the environment."""

_OPTIONAL = {"port", "sslmode", "sslrootcert"}


class ConfigurationError(RuntimeError):
    """The configuration lacks values, or holds wrong ones; the message names each and where it belongs."""


class Settings(NamedTuple):
    """What `load` found."""

    database: dict[str, str]  # libpq's keywords; never log it: a password may be among them
    secret_arn: str | None  # a Secrets Manager secret with the user's name and password
    dlq_url: str
    zone: ZoneInfo  # in which a time sent without an offset is local
    function_secret_arn: str | None = None  # that of the role which stores punches; `schema` alone is told
    reserved_concurrency: int | None = None  # of the function that stores punches; `schema` alone is told
    identity: bool = False  # whether a punch must be of the employee who signed in
    queue_url: str = ""  # of the queue of punches; empty: what failed comes back after the queue's own timeout
    retry_delays: tuple[int, ...] = ()  # s, of each receive; the last is the queue's visibility timeout
    receipt_secret_arn: str | None = None  # that of the role which looks receipts up; `schema` alone is told
    receipt_concurrency: int | None = None  # reserved, of the function that does; `schema` alone is told
    cors_origin: str = ""  # the web origin that may read a receipt; `receipt` alone is told


class ImportSettings(NamedTuple):
    """What `load_import` found."""

    queue_url: str  # of the queue of punches
    zone: ZoneInfo  # in which a time sent without an offset is local
    identity: bool  # whether a punch must be of an employee who is vouched for


class Login(NamedTuple):
    """What a secret holds; never log it."""

    user: str
    password: str


def load() -> Settings:
    """Read the settings.

    Raises:
        ConfigurationError: naming all that is missing.
    """
    database, missing = _database()
    dlq_url = os.environ.get("DLQ_URL", "")
    time_zone = os.environ.get("TIME_ZONE", "")
    missing += [name for name, value in (("DLQ_URL", dlq_url), ("TIME_ZONE", time_zone)) if not value]
    if missing:
        raise ConfigurationError(
            f"Missing: {', '.join(missing)}. Set them in the environment (serverless.yml does), or copy "
            "rds_config.example.py to rds_config.py for those that start with db_."
        )
    zone = _zone(time_zone)
    secret, functions_secret, receipts_secret = (
        os.environ.get(name) or None for name in ("DB_SECRET_ARN", "FUNCTION_SECRET_ARN", "RECEIPT_SECRET_ARN")
    )
    return Settings(
        database,
        secret,
        dlq_url,
        zone,
        functions_secret,
        _executions("RESERVED_CONCURRENCY"),
        _identity(),
        os.environ.get("QUEUE_URL", ""),
        _retry_delays(),
        receipts_secret,
        _executions("RECEIPT_CONCURRENCY"),
        os.environ.get("CORS_ORIGIN", ""),
    )


def load_import() -> ImportSettings:
    """Read the settings of the function that imports files, which knows no database.

    Raises:
        ConfigurationError: naming all that is missing.
    """
    found = {name: os.environ.get(name, "") for name in ("QUEUE_URL", "TIME_ZONE")}
    if missing := [name for name, value in found.items() if not value]:
        raise ConfigurationError(f"Missing: {', '.join(missing)}. Set them in the environment (serverless.yml does).")
    return ImportSettings(found["QUEUE_URL"], _zone(found["TIME_ZONE"]), _identity())


def connection_parameters(settings: Settings) -> dict[str, str]:
    """Give libpq's keywords, the password fetched anew where a secret holds it.

    Raises:
        ConfigurationError, botocore.exceptions.BotoCoreError, ClientError: as of `with_login`.
    """
    return with_login(settings.database, settings.secret_arn)


def with_login(database: dict[str, str], secret_arn: str | None) -> dict[str, str]:
    """Give libpq's keywords with the user and the password of a secret, unless they have a password.

    Raises:
        ConfigurationError: the secret has not the form that RDS gives it.
        botocore.exceptions.BotoCoreError, ClientError: Secrets Manager did not answer, or refused.
    """
    if secret_arn is None or "password" in database:
        return database
    return database | login(secret_arn)._asdict()


def login(arn: str) -> Login:
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
        config=Config(connect_timeout=_SECRET_TIMEOUT, read_timeout=_SECRET_TIMEOUT, retries={"total_max_attempts": 1}),
    )
    answer = client.get_secret_value(SecretId=arn)
    try:
        secret = json.loads(answer["SecretString"])
        return Login(secret["username"], secret["password"])
    except (ValueError, KeyError, TypeError):
        raise ConfigurationError(f"The secret {arn} must be JSON with username and password.") from None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: "America" is a folder
        raise ConfigurationError(
            f"TIME_ZONE: {name!r} is not a time zone; use a name like America/Sao_Paulo."
        ) from None


def _executions(name: str) -> int | None:
    value = os.environ.get(name, "")
    if value and not value.isdecimal():
        raise ConfigurationError(f"{name}: {value!r} is not a number of executions.")
    return int(value) if value else None


def _identity() -> bool:
    value = os.environ.get("IDENTITY", "")
    if value not in ("", "required"):  # a typo must not let everybody punch for everybody
        raise ConfigurationError(f"IDENTITY: {value!r} is not known; it is required, or not set.")
    return value == "required"


def _retry_delays() -> tuple[int, ...]:
    value = os.environ.get("RETRY_DELAYS", "")
    try:
        return tuple(map(int, value.split(","))) if value else ()
    except ValueError:
        raise ConfigurationError(f"RETRY_DELAYS: {value!r} is no list of seconds, like 5,10,20.") from None


def _database() -> tuple[dict[str, str], list[str]]:
    try:
        return read_database(vars(importlib.import_module("rds_config")), _IN_FILE)
    except ModuleNotFoundError as error:
        if error.name != "rds_config":
            raise
        return read_database(os.environ, IN_ENVIRONMENT)


def read_database(values: Mapping[str, Any], names: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return libpq's keywords, and the names of those that are missing.

    Args:
        values: by the names.
        names: what libpq's keywords are called there.

    Raises:
        ConfigurationError: as of `tls`.
    """
    found = {keyword: str(values.get(name) or "") for keyword, name in names.items()}
    optional = set(_OPTIONAL)
    if _is_socket(found["host"]):  # the server may trust its own machine
        optional.add("password")
    found |= tls(found, names["sslmode"], names["sslrootcert"])
    if os.environ.get("DB_SECRET_ARN"):
        optional |= {"user", "password"}
    missing = [name for keyword, name in names.items() if not found[keyword] and keyword not in optional]
    return {keyword: value for keyword, value in found.items() if value}, missing


def tls(found: Mapping[str, str], mode_name: str, root_name: str) -> dict[str, str]:
    """Give libpq's keywords for the way to the host: verified, unless it is told to do without TLS.

    Args:
        found: libpq's keywords.
        mode_name: what sslmode is called where they come from, for the message of an error.
        root_name: what sslrootcert is called there.

    Raises:
        ConfigurationError: they do not ensure TLS, or name no certificates.
    """
    if _is_socket(found.get("host", "")):
        return {"sslmode": "", "sslrootcert": ""}
    mode = found.get("sslmode") or _VERIFIED[0]
    if mode == "disable":
        return {"sslmode": mode, "sslrootcert": ""}
    if mode not in _VERIFIED:
        raise ConfigurationError(
            f"{mode_name}: {mode!r} does not ensure TLS; use verify-full, or disable for a server that has none."
        )
    root = found.get("sslrootcert") or str(_RDS_CERTIFICATES)
    if mode != "verify-full" and _ROOT / root != _RDS_CERTIFICATES:  # a company's authority signs many servers
        raise ConfigurationError(
            f"{mode_name}: {mode!r} looks at no name, and other servers have certificates of {root} too; "
            "use verify-full."
        )
    if root == "system":
        import ssl  # libpq would look for them where its wheel was built

        root = ssl.get_default_verify_paths().cafile or ""
        if not root:
            raise ConfigurationError(f"{root_name}: the system has no certificates; name a file.")
    file = _ROOT / root
    if not file.is_file():
        raise ConfigurationError(f"{root_name}: there is no file {file}.")
    return {"sslmode": mode, "sslrootcert": str(file), "gssencmode": "disable"}  # GSS would go before TLS


def _is_socket(host: str) -> bool:
    """Tell whether a Unix socket is meant, and nothing else: libpq takes a list."""
    return all(each.startswith("/") for each in host.split(","))
