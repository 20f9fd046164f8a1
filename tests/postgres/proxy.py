"""Relay to PostgreSQL that can cut a connection between a statement and its response."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

SOCKET = ".s.PGSQL.5432"


class Relay(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Server that relays connections to PostgreSQL's Unix socket, with one thread each."""

    def __init__(self, address: Any, folder: str) -> None:
        """Listen on an address.

        Args:
            address: Address to listen on.
            folder: Folder of PostgreSQL's socket.
        """
        super().__init__(address, socketserver.BaseRequestHandler)
        self.folder = folder
        self.ending = threading.Event()

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Serve while the context is open."""
        with self:
            thread = threading.Thread(target=self.serve_forever, args=(0.05,))
            thread.start()
            try:
                yield self
            finally:
                self.ending.set()
                self.shutdown()
                thread.join()

    def finish_request(self, request: Any, client_address: object) -> None:  # noqa: ARG002
        """Serve a connection; ignore that the client closes it early."""
        with contextlib.suppress(OSError):
            self.serve(request)

    def serve(self, client: socket.socket) -> None:
        """Serve a connection."""
        raise NotImplementedError

    def relay(self, client: socket.socket, first: bytes = b"") -> Iterator[tuple[bool, bytes]]:
        """Relay data in both directions until one side closes its connection.

        Args:
            client: Connection of the client.
            first: Data to send to PostgreSQL before the client's.

        Yields:
            Before relaying data: whether it is from the client, and the data.
        """
        with socket.socket(socket.AF_UNIX) as server:
            server.connect(str(Path(self.folder) / SOCKET))
            server.sendall(first)
            for peer in (client, server):
                peer.settimeout(0.005)
            while not self.ending.is_set():
                for sender, receiver in ((client, server), (server, client)):
                    try:
                        content = sender.recv(1 << 20)
                    except TimeoutError:
                        continue
                    if not content:
                        return
                    yield sender is client, content
                    receiver.sendall(content)


class Proxy(Relay):
    """Relay that listens on a Unix socket and can cut a connection."""

    address_family = socket.AF_UNIX

    def __init__(self, folder: Path, server: str) -> None:
        """Listen on a socket in a folder. A socket's path must be short."""
        super().__init__(str(folder / SOCKET), server)
        self.host = str(folder)
        self.cut_after: bytes | None = (
            None  # if set, the response to the next message with these bytes is dropped and the connection closed
        )
        self.cuts = 0

    def serve(self, client: socket.socket) -> None:
        """Relay a connection until `cut_after` applies."""
        is_cut = False
        for is_client, content in self.relay(client):
            if is_client and self.cut_after and self.cut_after in content:
                is_cut, self.cut_after = True, None
            elif is_cut and not is_client:  # with autocommit, the response follows the commit
                self.cuts += 1
                return
