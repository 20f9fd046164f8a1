"""A deployment's whole way on a database as RDS has it: an owner who is no superuser, passwords, nothing but TLS.

The wheel's server has no TLS: there it ends before the server's socket (tests/postgres/tls.py). Others have it.
"""

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from ponto.admin.actions import find_punch
from ponto.admin.migrations import migrate
from ponto.admin.roles import reset_role_limits, set_password
from ponto.connection import Parameters, connect
from ponto.event import SUBJECT_COLUMN
from ponto.reader import packed_rows, query_function
from ponto.reader.statements import REFERENCE
from ponto.store import Status, Store
from tests.database import ROLES, SCHEMA
from tests.postgres.servers import HBA, Server
from tests.postgres.storing import QUICK, SECRET, SHOWN, entry, statuses
from tests.postgres.tls import Authority, front
from tools.kit import reader
from tools.kit.rows import PUNCH
from tools.local import postgres

FUNCTION, REPORTS = "ponto_function", "ponto_reader"
ENCRYPTED = "select usename, ssl from pg_stat_ssl join pg_stat_activity using (pid) where usename ~ '^ponto_'"
PASSWORD = "CANARY"  # noqa: S105  of nobody


class Place(NamedTuple):
    """A server, and the way to it from elsewhere."""

    server: Server
    way: dict[str, str]  # libpq's keywords; whoever uses it adds a database, a user and a password
    has_tls: bool  # of its own


@pytest.fixture
def place(server: Server, tmp_path: Path) -> Iterator[Place]:
    """Give a server that is reached by TLS only."""
    authority = Authority(tmp_path, "ours")
    trusted = {"sslmode": "verify-full", "sslrootcert": str(authority.file)}
    if server.ask("show ssl_library") == [("",)]:
        with front(server.as_superuser()["host"], authority.server("localhost")) as before:
            yield Place(server, {**trusted, "host": "localhost", "port": str(before.port)}, has_tls=False)
            assert set(before.connections) == {"TLS"}
    else:
        with with_tls(authority) as (encrypted, address):
            yield Place(encrypted, {**trusted, "host": address, "port": "5432"}, has_tls=True)


@contextmanager
def with_tls(authority: Authority) -> Iterator[tuple[Server, str]]:
    """Start a server of its own that listens on an address of this machine that nobody else uses; give both."""
    address = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"  # noqa: S311
    folder = Path(tempfile.mkdtemp(prefix="ponto-"))
    certificate = shutil.copy(authority.server(address), folder / "server.pem")
    os.chmod(certificate, 0o600)  # noqa: PTH101  or PostgreSQL refuses the key in it
    encrypted = {"ssl": "on", "ssl_cert_file": str(certificate), "ssl_key_file": str(certificate)}
    running = postgres.start(folder / "postgres", {**postgres.UNSAFE, **encrypted, "listen_addresses": address})
    (folder / "postgres" / "pg_hba.conf").write_text(HBA + "hostssl all all 127.0.0.0/8 scram-sha-256\n")
    made = Server(running)
    made.ask("select pg_reload_conf()")
    try:
        yield made, address
    finally:
        running.stop()
        shutil.rmtree(folder)


def test_the_schema_is_made_punches_are_stored_and_read_and_the_log_has_none_of_them(place: Place) -> None:
    before = len(place.server.log.read_text(errors="replace"))
    made = place.server.owner("master")
    owner: Parameters = {**place.way, "dbname": "master", "user": "master", "password": made["password"]}
    assert place.server.ask("select rolsuper from pg_roles where rolname = 'master'") == [(False,)]

    assert migrate(owner, "America/Sao_Paulo", SCHEMA).applied
    reset_role_limits(owner, dict.fromkeys(ROLES, 10))
    set_password(owner, FUNCTION, PASSWORD)
    way = {**owner, "user": FUNCTION, "password": PASSWORD}
    secret = entry(**SECRET)
    with closing(Store(lambda: way, QUICK)) as store:
        assert statuses(store.save([secret, entry(punch_id=secret.punch.id)])) == [Status.STORED, Status.CONFLICT]
        if place.has_tls:
            assert place.server.ask(ENCRYPTED, "master") == [(FUNCTION, True)]
        # What fails would show its values in the log, were it not for the settings.
        place.server.ask(f"alter table batida add constraint newer check ({SUBJECT_COLUMN} < 1000) not valid", "master")
        assert statuses(store.save([entry(**SECRET)])) == [Status.FAILED]
        assert statuses(store.save([entry(**SECRET | {SUBJECT_COLUMN: 2**63})])) == [Status.REFUSED]

    assert find_punch(owner, {"id": secret.punch.id}) == {"found": True}
    set_password(owner, REPORTS, PASSWORD)
    request = {"read": {"zone": {}}, "timeout": 0}
    answer, _ = query_function.handle(request, lambda: {**way, "user": REPORTS}, 60, REFERENCE)
    assert [name for (name,) in packed_rows.unpack(answer["rows"]["zone"])] == ["America/Sao_Paulo"]
    with closing(connect(owner, "report")) as connection:
        connection.cursor().execute("set role ponto_reader")
        connection.commit()
        with reader.direct(connection) as source:
            ((row,),) = source.read(PUNCH.bind(id=secret.punch.id))
    assert row.employee_id == SECRET[SUBJECT_COLUMN]
    log = place.server.log.read_text(errors="replace")[before:]
    assert 'violates check constraint "newer"' in log
    assert "out of range for type bigint" in log
    assert SHOWN.findall(log) == []
    assert PASSWORD not in log
