"""The way to a remote database: real handshakes with a real PostgreSQL behind them, and the certificates of RDS."""

import contextlib
import os
import re
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import certifi
import pytest
from psycopg2.extensions import parse_dsn

from ponto.config import load_database
from ponto.store import Outcome, Status, Store
from tests.postgres.storing import QUICK, entry
from tests.postgres.tls import Authority, TlsRelay
from tools.kit import osls
from tools.kit.project import ROOT

CERTIFICATES = ROOT / "ponto" / "certificates"
BUNDLE = CERTIFICATES / "rds.pem"
YEAR = 365 * 86_400  # s
STORED = Outcome(Status.STORED)

Save = Callable[..., Outcome]
Serve = Callable[[Path | None], TlsRelay]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"), "ours")


@pytest.fixture
def serve(migrated_url: str) -> Iterator[Serve]:
    """Yield what puts TLS before the database, with a certificate, or no TLS."""
    with contextlib.ExitStack() as fronts:
        yield lambda certificate: fronts.enter_context(TlsRelay(parse_dsn(migrated_url)["host"], certificate).running())


@pytest.fixture
def save(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> Save:
    """Return what stores a punch in the database of an environment.

    `rds_certificates` has authorities that may be used without a look at the host's name.
    """
    monkeypatch.setitem(sys.modules, "rds_config", None)

    def save(where: TlsRelay, host: str = "localhost", rds_certificates: Path = BUNDLE, **environment: str) -> Outcome:
        settings = {
            "DB_HOST": host,
            "DB_PORT": str(where.port),
            "DB_NAME": parse_dsn(migrated_url)["dbname"],
            "DB_USER": "ponto_function",
            "DB_PASSWORD": "CANARY",
        }
        database = load_database(settings | environment, rds_certificates=rds_certificates)
        store = Store(database.connection_parameters, QUICK)
        [outcome] = store.save([entry()])
        store.close()
        assert "CANARY" not in outcome.detail
        return outcome

    return save


def assert_refused(outcome: Outcome, why: str) -> None:
    assert outcome.status is Status.FAILED
    assert why in outcome.detail


def test_a_server_whose_certificate_is_right_is_connected_to_by_tls(
    authority: Authority, serve: Serve, save: Save
) -> None:
    where = serve(authority.server("localhost"))

    assert save(where, DB_SSLROOTCERT=str(authority.file)) == STORED

    assert where.connections == ["TLS"]


def test_a_certificate_of_another_name_is_refused(authority: Authority, serve: Serve, save: Save) -> None:
    where = serve(authority.server("db.example.com"))

    refused = save(where, rds_certificates=authority.file)
    unnamed = save(where, rds_certificates=authority.file, DB_SSLMODE="verify-ca")

    assert_refused(refused, 'does not match host name "localhost"')
    assert unnamed == STORED


@pytest.mark.parametrize("mode", ["verify-full", "verify-ca", "require"])
def test_a_certificate_of_an_unknown_authority_is_refused_in_every_mode(
    authority: Authority, serve: Serve, save: Save, tmp_path: Path, mode: str
) -> None:
    outcome = save(
        serve(Authority(tmp_path, "stranger").server("localhost")), rds_certificates=authority.file, DB_SSLMODE=mode
    )
    assert_refused(outcome, "certificate verify failed")


def test_without_more_only_rds_is_known(authority: Authority, serve: Serve, save: Save) -> None:
    assert_refused(save(serve(authority.server("localhost"))), "certificate verify failed")


def test_the_systems_authorities_are_known_when_asked_for(
    authority: Authority, serve: Serve, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))  # which Python reads
    assert save(serve(authority.server("localhost")), DB_SSLROOTCERT="system") == STORED


def test_a_server_without_tls_is_refused_unless_told_so(serve: Serve, save: Save) -> None:
    where = serve(None)

    assert_refused(save(where), "server does not support SSL, but SSL was required")
    assert where.connections == []

    assert save(where, DB_SSLMODE="disable") == STORED
    assert where.connections == ["plain"]


# The certificates of RDS, and Amazon's public ones


def test_the_bundles_are_what_the_npm_package_has(tmp_path: Path) -> None:
    environment = {"PATH": osls.search_path(os.environ)}
    subprocess.run(["node", "tools/deploy/certificates.js", tmp_path], cwd=ROOT, env=environment, check=True)

    made = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert made == {file.name: file.read_text() for file in CERTIFICATES.iterdir()}, "make certificates"


def roots(file: Path) -> tuple[list[Any], set[str]]:
    """Return the authorities of a file, and their names; everything in it is an authority's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(file)
    certificates: list[Any] = context.get_ca_certs()
    assert len(certificates) == file.read_text().count("BEGIN CERTIFICATE")
    return certificates, {value for each in certificates for [(key, value)] in each["subject"] if key == "commonName"}


def test_amazons_public_authorities_are_those_that_everybody_trusts_and_good_for_a_year() -> None:
    certificates, names = roots(CERTIFICATES / "amazon.pem")
    trusted, _ = roots(Path(certifi.where()))  # Mozilla's

    starfield = "Starfield Services Root Certificate Authority - G2"
    assert names == {starfield, *(f"Amazon Root CA {number}" for number in range(1, 5))}
    assert all(each in trusted and each["subject"] == each["issuer"] for each in certificates)
    assert all(ssl.cert_time_to_seconds(each["notAfter"]) > time.time() + YEAR for each in certificates)


def test_rds_own_authorities_sign_for_nobody_else_and_for_ten_years_after_the_last_was_made() -> None:
    """Amazon's public authorities sign for whoever has a name, which verify-ca does not look at."""
    certificates, names = roots(BUNDLE)

    known = [re.fullmatch(r"Amazon RDS (.+) Root CA (?:RSA2048|RSA4096|ECC384) G1", name) for name in names]
    assert Counter(match and match[1] for match in known).items() >= {"us-east-1": 3, "sa-east-1": 3}.items()
    assert None not in known
    last = max(ssl.cert_time_to_seconds(each["notBefore"]) for each in certificates)
    assert all(ssl.cert_time_to_seconds(each["notAfter"]) > last + 10 * YEAR for each in certificates)
