"""Fake of the IAM authentication of RDS: members of the role rds_iam log in over TLS with a token of IAM.

A token must be valid for this server, user and key; tests/unit/test_iam_login.py tests its exact bytes. The relay
forwards accepted members of rds_iam to a server that trusts them (pg_hba.conf). It forwards all other users unchecked,
and the server asks them for a password.
"""

import contextlib
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from ponto.shared.iam_login import generate_token
from tests.database import execute
from tests.postgres.servers import Server
from tests.postgres.tls import TlsRelay

HOST = "localhost"
REGION = "sa-east-1"

_ASK_PASSWORD = b"R" + (8).to_bytes(4) + (3).to_bytes(4)  # AuthenticationCleartextPassword, as for PAM
_TOKEN_LIFETIME_SECONDS = 900
_IS_RDS_IAM_MEMBER = """
select exists (select from pg_roles where rolname = 'rds_iam')
    and exists (select from pg_roles where rolname = %s and pg_has_role(oid, 'rds_iam', 'member'))
"""


class Key(NamedTuple):
    """Credentials and their permissions."""

    secret: str
    session_token: str
    roles: frozenset[str]  # database users for which it has rds-db:connect


class Rds:
    """Relay that authenticates the clients of a server."""

    def __init__(self, server: Server) -> None:
        """Store the server; `running` starts to listen."""
        self.server = server
        self.keys: dict[str, Key] = {}  # by access key id
        self.tokens: list[str] = []  # received tokens
        self.refused: list[list[str]] = []  # reasons of each refusal
        self.port = 0

    @contextlib.contextmanager
    def running(self, certificate: Path | None) -> Iterator[TlsRelay]:
        """Serve with a certificate, as `TlsRelay`, while the context is open."""
        with TlsRelay(self.server.as_superuser()["host"], certificate, self._admit).running() as relay:
            self.port = relay.port
            yield relay

    def _admit(self, client: socket.socket) -> bytes | None:
        size = _receive_exactly(client, 4)
        startup = _receive_exactly(client, int.from_bytes(size) - 4)
        words = startup[4:].decode().split("\0")  # after the protocol version
        fields = dict(zip(words[::2], words[1::2], strict=False))
        user = fields["user"]
        if execute(self.server.as_superuser(), _IS_RDS_IAM_MEMBER, user) == [(False,)]:
            return size + startup
        client.sendall(_ASK_PASSWORD)
        message_type, token_size = _receive_exactly(client, 1), _receive_exactly(client, 4)
        assert message_type == b"p"
        password = _receive_exactly(client, int.from_bytes(token_size) - 4).rstrip(b"\0").decode()
        self.tokens.append(password)
        faults = self._find_token_faults(password, user)
        if not faults:
            return size + startup
        self.refused.append(faults)
        error = f'SFATAL\0VFATAL\0C28000\0MPAM authentication failed for user "{user}"\0\0'.encode()
        client.sendall(b"E" + (4 + len(error)).to_bytes(4) + error)
        return None

    def _find_token_faults(self, password: str, user: str) -> list[str]:
        """Return the reasons to refuse a token; an empty list if it is valid."""
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
        return [name for name, passed in checks.items() if not passed]


def _receive_exactly(client: socket.socket, size: int) -> bytes:
    """Receive exactly `size` bytes; raise an OSError if the connection ends or times out."""
    received = b""
    while len(received) < size:
        chunk = client.recv(size - len(received))
        if not chunk:
            raise ConnectionError("the connection ended")
        received += chunk
    return received
