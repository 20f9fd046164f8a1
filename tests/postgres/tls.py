"""TLS for PostgreSQL over TCP, which the server from the wheel lacks: a relay ends TLS before the server's socket."""

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import trustme

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


class TlsRelay(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Server on a port of 127.0.0.1 that ends TLS and relays connections to PostgreSQL, with one thread each."""

    def __init__(self, folder: str, certificate: Path | None, admit: Admit = lambda _: b"") -> None:
        """Listen.

        Args:
            folder: Folder of PostgreSQL's socket.
            certificate: File with certificate and key; None for a server without TLS.
            admit: Function that admits or refuses clients with TLS.
        """
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self.port: int = self.server_address[1]
        self.connections: list[str] = []  # "TLS" or "plain" for each
        self._socket = str(Path(folder) / ".s.PGSQL.5432")
        self._ending = threading.Event()
        self._admit = admit
        self._context = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Serve while the context is open."""
        with self:
            thread = threading.Thread(target=self.serve_forever, args=(0.05,))
            thread.start()
            try:
                yield self
            finally:
                self._ending.set()
                self.shutdown()
                thread.join()

    def finish_request(self, request: Any, client_address: object) -> None:  # noqa: ARG002
        """Serve a connection, which the client may close early."""
        with suppress(OSError):
            self._serve(request)

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(5)
        first_bytes = client.recv(len(_SSL_REQUEST))
        if first_bytes != _SSL_REQUEST:
            self.connections.append("plain")
            self._relay(client, first_bytes)
        elif self._context is None:
            client.sendall(b"N")
        else:
            client.sendall(b"S")
            with self._context.wrap_socket(client, server_side=True) as encrypted:
                self.connections.append("TLS")
                startup = self._admit(encrypted)
                if startup is not None:
                    self._relay(encrypted, startup)

    def _relay(self, client: socket.socket, first_bytes: bytes) -> None:
        """Relay data in both directions until one side closes its connection."""
        with socket.socket(socket.AF_UNIX) as server:
            server.connect(self._socket)
            server.sendall(first_bytes)
            for peer in (client, server):
                peer.settimeout(0.005)
            while not self._ending.is_set():
                for sender, receiver in ((client, server), (server, client)):
                    with suppress(TimeoutError):
                        if not (content := sender.recv(1 << 20)):
                            return
                        receiver.sendall(content)
