"""TLS connections to a database, with real handshakes and a real PostgreSQL, and the packaged certificates."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from ponto.drain.store import Outcome, Status, Store
from ponto.shared.config import load_database
from tests.postgres.storing import QUICK, entry
from tests.postgres.tls import Authority, TlsRelay
from tools.kit.project import ROOT

BUNDLE = ROOT / "ponto" / "certificates" / "rds.pem"
STORED = Outcome(Status.STORED)

Save = Callable[..., Outcome]
Serve = Callable[[Path | None], TlsRelay]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture
def serve(migrated_url: str) -> Iterator[Serve]:
    """Yield a function that starts a relay to the database, with a certificate or without TLS."""
    with contextlib.ExitStack() as relays:
        yield lambda certificate: relays.enter_context(TlsRelay(parse_dsn(migrated_url)["host"], certificate).running())


@pytest.fixture
def save(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> Save:
    """Return a function that stores a punch in the database that environment variables configure.

    `rds_certificates` replaces the certificates of RDS, with which `verify-ca` is allowed.
    """
    monkeypatch.setitem(sys.modules, "rds_config", None)

    def save(relay: TlsRelay, rds_certificates: Path = BUNDLE, **environment: str) -> Outcome:
        settings = {
            "DB_HOST": "localhost",
            "DB_PORT": str(relay.port),
            "DB_NAME": parse_dsn(migrated_url)["dbname"],
            "DB_USER": "ponto_drain",
            "DB_PASSWORD": "CANARY",
        }
        database = load_database(settings | environment, rds_certificates=rds_certificates)
        with contextlib.closing(Store(database.connection_parameters, QUICK)) as store:
            [outcome] = store.save([entry()])
        assert "CANARY" not in outcome.detail
        return outcome

    return save


def assert_refused(outcome: Outcome, message: str) -> None:
    assert outcome.status is Status.FAILED
    assert message in outcome.detail


def test_certificates_of_a_file_or_of_the_system_are_trusted(
    authority: Authority, serve: Serve, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = serve(authority.server("localhost"))
    assert save(relay, DB_SSLROOTCERT=str(authority.file)) == STORED

    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))  # which Python reads
    assert save(relay, DB_SSLROOTCERT="system") == STORED

    assert relay.connections == ["TLS", "TLS"]


def test_a_certificate_of_another_name_is_refused_unless_names_are_not_verified(
    authority: Authority, serve: Serve, save: Save
) -> None:
    relay = serve(authority.server("db.example.com"))

    assert_refused(save(relay, rds_certificates=authority.file), 'does not match host name "localhost"')
    assert save(relay, rds_certificates=authority.file, DB_SSLMODE="verify-ca") == STORED


@pytest.mark.parametrize("mode", ["verify-full", "verify-ca", "require"])
def test_only_certificates_of_rds_are_trusted_in_every_mode(
    authority: Authority, serve: Serve, save: Save, mode: str
) -> None:
    assert_refused(save(serve(authority.server("localhost")), DB_SSLMODE=mode), "certificate verify failed")


def test_server_without_tls_is_refused_unless_tls_is_disabled(serve: Serve, save: Save) -> None:
    relay = serve(None)

    assert_refused(save(relay), "server does not support SSL, but SSL was required")
    assert relay.connections == []

    assert save(relay, DB_SSLMODE="disable") == STORED
    assert relay.connections == ["plain"]
