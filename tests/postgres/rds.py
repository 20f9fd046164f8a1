"""What RDS puts before PostgreSQL: whoever has the role rds_iam signs in by a token of IAM, and by TLS.

A token has to be the one of this server, user and key; its bytes tests/unit/test_iam_login.py holds. It passes on what
it lets in, to a server that trusts who has rds_iam (pg_hba.conf), and all others, of whom the server asks a password.
"""

import contextlib
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from ponto.iam_login import generate_token
from tests.database import execute
from tests.postgres.servers import Server
from tests.postgres.tls import TlsRelay

HOST = "localhost"
REGION = "sa-east-1"

_ASK_PASSWORD = b"R" + (8).to_bytes(4) + (3).to_bytes(4)  # in clear, as PAM wants it
_TOKEN_LIFETIME_SECONDS = 900  # s
_MEMBER = """
select exists (select from pg_roles where rolname = 'rds_iam')
    and exists (select from pg_roles where rolname = %s and pg_has_role(oid, 'rds_iam', 'member'))
"""


class Key(NamedTuple):
    """Credentials, and what they are good for."""

    secret: str
    session_token: str
    roles: frozenset[str]  # as which their holder may connect: rds-db:connect


class Rds:
    """Lets clients of a server in, or refuses them."""

    def __init__(self, server: Server) -> None:
        """Listens on nothing yet; see `running`."""
        self.server = server
        self.keys: dict[str, Key] = {}  # by their access key
        self.tokens: list[str] = []  # that came
        self.refused: list[list[str]] = []  # why each that was refused
        self.port = 0
        self.supports_options = True  # RDS Proxy does not

    @contextlib.contextmanager
    def running(self, certificate: Path | None) -> Iterator[TlsRelay]:
        """Serve until the end of the context.

        Args:
            certificate: as of `TlsRelay`.
        """
        with TlsRelay(self.server.as_superuser()["host"], certificate, self._admit).running() as where:
            self.port = where.port
            yield where

    def _admit(self, client: socket.socket) -> bytes | None:
        size = _receive_exactly(client, 4)
        startup = _receive_exactly(client, int.from_bytes(size) - 4)
        words = startup[4:].decode().split("\0")  # behind the protocol's version
        fields = dict(zip(words[::2], words[1::2], strict=False))
        user = fields["user"]
        if not self.supports_options and "options" in fields:
            _refuse(
                client, "0A000", "Feature not supported: RDS Proxy currently doesn\u2019t support command-line options."
            )
            return None
        if execute(self.server.as_superuser(), _MEMBER, user) == [(False,)]:
            return size + startup
        client.sendall(_ASK_PASSWORD)
        kind, size_of_token = _receive_exactly(client, 1), _receive_exactly(client, 4)
        assert kind == b"p"
        password = _receive_exactly(client, int.from_bytes(size_of_token) - 4).rstrip(b"\0").decode()
        self.tokens.append(password)
        faults = self._find_token_faults(password, user)
        if not faults:
            return size + startup
        self.refused.append(faults)
        _refuse(client, "28000", f'PAM authentication failed for user "{user}"')
        return None

    def _find_token_faults(self, password: str, user: str) -> list[str]:
        """Return what is wrong with a token."""
        fields = dict(parse_qsl(urlsplit(f"https://{password}").query))
        access_key = fields.get("X-Amz-Credential", "").partition("/")[0]
        key = self.keys.get(access_key)
        if key is None:
            return ["access key"]
        at = datetime.strptime(fields["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        environment = {
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": key.secret,
            "AWS_SESSION_TOKEN": key.session_token,
        }
        checks = {
            "token": password == generate_token(HOST, self.port, user, environment, at),
            "age": abs(time.time() - at.timestamp()) <= _TOKEN_LIFETIME_SECONDS,
            "rds-db:connect": user in key.roles,
        }
        return [what for what, is_right in checks.items() if not is_right]


def _refuse(client: socket.socket, sqlstate: str, message: str) -> None:
    text = f"SFATAL\0VFATAL\0C{sqlstate}\0M{message}\0\0".encode()
    client.sendall(b"E" + (4 + len(text)).to_bytes(4) + text)


def _receive_exactly(client: socket.socket, size: int) -> bytes:
    """Read so many bytes.

    Raises:
        OSError: there are no more, or not in time.
    """
    found = b""
    while len(found) < size:
        more = client.recv(size - len(found))
        if not more:
            raise ConnectionError("it ended")
        found += more
    return found
