"""TLS for PostgreSQL over TCP, which the server from the wheel lacks: a relay ends TLS before the server's socket."""

import socket
import ssl
from collections import deque
from collections.abc import Callable
from pathlib import Path

import trustme

from tests.postgres.proxy import Relay

_SSL_REQUEST = bytes.fromhex("0000000804d2162f")  # length and code
Admit = Callable[[socket.socket], bytes | None]
"""Reads the start of a session; returns the bytes to send to PostgreSQL, or None if it refused the client."""


class Authority:
    """Certificate authority that signs servers' certificates."""

    def __init__(self, folder: Path, name: str) -> None:
        """Write the authority's certificate to a file of this name in the folder."""
        self._folder, self._authority = folder, trustme.CA()
        self.file = folder / f"{name}.pem"
        self._authority.cert_pem.write_to_path(str(self.file))

    def server(self, host: str) -> Path:
        """Create a server's certificate; return the file with it and its key."""
        file = self._folder / f"{host}.pem"
        self._authority.issue_cert(host).private_key_and_cert_chain_pem.write_to_path(str(file))
        return file


class TlsRelay(Relay):
    """Relay that listens on TCP and ends TLS."""

    def __init__(self, server: str, certificate: Path | None, admit: Admit = lambda _: b"") -> None:
        """Listen on a port of 127.0.0.1.

        Args:
            server: Folder of PostgreSQL's socket.
            certificate: File with certificate and key; None for a server without TLS.
            admit: Function that admits or refuses clients with TLS.
        """
        super().__init__(("127.0.0.1", 0), server)
        self.port: int = self.server_address[1]
        self.connections: list[str] = []  # "TLS" or "plain" for each
        self._admit = admit
        self._context = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)

    def serve(self, client: socket.socket) -> None:
        """Serve a connection. The client has five seconds to send its first message."""
        client.settimeout(5)
        first_bytes = client.recv(len(_SSL_REQUEST))
        if first_bytes != _SSL_REQUEST:
            self.connections.append("plain")
            deque(self.relay(client, first_bytes), 0)
        elif self._context is None:
            client.sendall(b"N")
        else:
            client.sendall(b"S")
            with self._context.wrap_socket(client, server_side=True) as encrypted:
                self.connections.append("TLS")
                startup = self._admit(encrypted)
                if startup is not None:
                    deque(self.relay(encrypted, startup), 0)
