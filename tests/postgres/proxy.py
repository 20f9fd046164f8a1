"""A way to PostgreSQL that breaks at the worst moment."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

SOCKET = ".s.PGSQL.5432"


class Relay(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A server in front of the socket of PostgreSQL, with a thread for each connection."""

    def __init__(self, address: Any, folder: str) -> None:
        """Listen.

        Args:
            address: where it listens.
            folder: of the socket of PostgreSQL.
        """
        super().__init__(address, socketserver.BaseRequestHandler)
        self.folder = folder
        self.ending = threading.Event()

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Serve until the end of the context."""
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
        """Serve a connection, which the client may break off."""
        with contextlib.suppress(OSError):
            self.serve(request)

    def serve(self, client: socket.socket) -> None:
        """Serve a connection."""
        raise NotImplementedError

    def relay(self, client: socket.socket, first: bytes = b"") -> Iterator[tuple[bool, bytes]]:
        """Pass on what both sides send until one ends; yield it before that, and whether it is from the client.

        Args:
            client: a connection.
            first: what is sent to PostgreSQL before the client's words.
        """
        with socket.socket(socket.AF_UNIX) as server:
            server.connect(str(Path(self.folder) / SOCKET))
            server.sendall(first)
            for each in (client, server):
                each.settimeout(0.005)
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
    """A relay with a Unix socket."""

    address_family = socket.AF_UNIX

    def __init__(self, folder: Path, server: str) -> None:
        """Listen on a socket in a folder, whose path has to be short."""
        super().__init__(str(folder / SOCKET), server)
        self.host = str(folder)
        self.cut_after: bytes | None = None  # once: the answer to what holds this is dropped, and the connection
        self.cuts = 0

    def serve(self, client: socket.socket) -> None:
        """Serve a connection as the settings say."""
        is_cut = False
        for is_client, content in self.relay(client):
            if is_client and self.cut_after and self.cut_after in content:
                is_cut, self.cut_after = True, None
            elif is_cut and not is_client:  # with autocommit the answer comes after the commit
                self.cuts += 1
                return
