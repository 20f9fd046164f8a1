"""A way to PostgreSQL that is slow, or breaks at the worst moment."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

SOCKET = ".s.PGSQL.5432"

_REFUSAL = b"SFATAL\0VFATAL\0C28000\0Mno pg_hba.conf entry for host\0\0"


class Proxy:
    """Stands on a Unix socket of its own before the server's."""

    def __init__(self, folder: Path, server: str) -> None:
        """Listens on nothing yet; see `running`.

        Args:
            folder: where its socket is; the path has to be short.
            server: the folder of the server's socket.
        """
        self.host = str(folder)
        self.delay = 0.0  # s from accepting a connection to passing on what it says
        self.cut_after: bytes | None = None  # once: the answer to what holds this is dropped, and the connection
        self.cuts = 0
        self.resumes_at = 0.0  # on the clock of time.monotonic(): until then it refuses as a paused Aurora does
        self.accepted = 0
        self._server = str(Path(server) / SOCKET)
        self._refusals = cycle(("end", "28000", "silence"))
        self._ending = threading.Event()

    @contextlib.contextmanager
    def running(self) -> Iterator["Proxy"]:
        """Serve, until the end of the context."""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(Path(self.host) / SOCKET))
            listener.listen()
            listener.settimeout(0.05)
            acceptor = threading.Thread(target=self._accept, args=(listener,))
            acceptor.start()
            try:
                yield self
            finally:
                self._ending.set()
                acceptor.join()

    def _accept(self, listener: socket.socket) -> None:
        serving = []
        while not self._ending.is_set():
            with contextlib.suppress(TimeoutError):
                client, _ = listener.accept()
                self.accepted += 1
                serving.append(threading.Thread(target=self._serve, args=(client,)))
                serving[-1].start()
        for thread in serving:
            thread.join()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, contextlib.suppress(OSError):
            if self._ending.wait(self.delay):
                return
            if time.monotonic() < self.resumes_at:
                self._refuse(client)
                return
            server.connect(self._server)
            server.settimeout(0.01)
            client.settimeout(0.01)
            cut = False
            while not self._ending.is_set():
                asked = read(client)
                if asked == b"":
                    return
                if asked:
                    if self.cut_after and self.cut_after in asked:
                        cut, self.cut_after = True, None
                    server.sendall(asked)
                answered = read(server)
                if answered == b"":
                    return
                if answered and cut:  # with autocommit the answer comes after the commit
                    self.cuts += 1
                    return
                if answered:
                    client.sendall(answered)

    def _refuse(self, client: socket.socket) -> None:
        client.recv(1 << 20)  # what libpq begins with
        match next(self._refusals):
            case "28000":
                client.sendall(b"E" + (4 + len(_REFUSAL)).to_bytes(4) + _REFUSAL)
            case "end":
                self._ending.wait(0.5)
            case "silence":
                client.settimeout(30)
                client.recv(1)  # until it gives up


def read(from_: socket.socket) -> bytes | None:
    """Return what has come: None if nothing, b"" if it has ended."""
    try:
        return from_.recv(1 << 20)
    except TimeoutError:
        return None
