"""A network before PostgreSQL: what passes arrives later by half a round trip, and any amount may be under way.

A process of its own, so that it does not share the interpreter's lock with what is measured. It listens on a Unix
socket in a private folder, as the server does: no other user of this machine can connect.
"""

import math
import multiprocessing
import select
import shutil
import signal
import socket
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from tools.local import postgres

_CHUNK = 1 << 16  # bytes read at once
_START = 60  # s: an interpreter on a loaded machine


class Address(NamedTuple):
    """Where the proxy listens, and the round trip that it was asked for."""

    folder: str  # of its socket, which has the name of the server's
    milliseconds: float


@contextmanager
def running(server: str, milliseconds: float) -> Iterator[Address]:
    """Run a proxy, until the end of the context.

    A connection's handshake takes a round trip, as TCP's does. Each chunk is passed on half a round trip after it came,
    whatever else is under way.

    Args:
        server: the path of the Unix socket before which it stands.
        milliseconds: of a round trip; what the machine itself takes comes on top.

    Raises:
        RuntimeError: it does not start.
    """
    fresh = multiprocessing.get_context("spawn")
    ours, its = fresh.Pipe()
    folder = postgres.private_folder()
    path = folder / Path(server).name
    process = fresh.Process(target=_serve, args=(str(path), server, milliseconds / 1000, its), daemon=True)
    process.start()
    its.close()
    try:
        if not ours.poll(_START):
            raise RuntimeError(f"the proxy before {server} did not start within {_START} s")
        try:
            ours.recv()
        except EOFError:
            raise RuntimeError(f"the proxy before {server} ended at its start") from None
        yield Address(str(folder), milliseconds)
    finally:
        ours.close()  # by which it ends
        process.join(10)
        if process.is_alive():
            process.kill()
            process.join()
        shutil.rmtree(folder)


class Direction:
    """One direction of a connection: what was read from its source, and is on its way to its sink."""

    def __init__(self, source: socket.socket, sink: socket.socket, delay: float) -> None:
        """Takes the sockets.

        Args:
            source: to read from when something has come.
            sink: does not block.
            delay: s between the two.
        """
        self.source = source
        self.sink = sink
        self.is_read = False  # to its end
        self.is_blocked = False  # the sink takes no more for now
        self._delay = delay
        self._under_way: deque[tuple[float, memoryview]] = deque()  # due when, and what; nothing is the end

    @property
    def is_over(self) -> bool:
        """Whether the end has been passed on."""
        return self.is_read and not self._under_way

    @property
    def due(self) -> float:
        """When there is something to pass on."""
        return self._under_way[0][0] if self._under_way and not self.is_blocked else math.inf

    def read(self) -> None:
        """Take what has come.

        Raises:
            OSError: the source has broken off.
        """
        chunk = self.source.recv(_CHUNK)
        self._under_way.append((time.monotonic() + self._delay, memoryview(chunk)))
        self.is_read = not chunk

    def write(self) -> None:
        """Pass on what is due, as far as the sink takes it.

        Raises:
            OSError: the sink has broken off.
        """
        self.is_blocked = False
        while self.due <= time.monotonic():
            due, chunk = self._under_way.popleft()
            if not chunk:
                self.sink.shutdown(socket.SHUT_WR)
                continue
            try:
                sent = self.sink.send(chunk)
            except BlockingIOError:
                sent = 0
            if sent < len(chunk):
                self._under_way.appendleft((due, chunk[sent:]))
                self.is_blocked = True


class _Proxy:
    def __init__(self, listener: socket.socket, server: str, round_trip: float) -> None:
        self._listener = listener
        self._server = server
        self._round_trip = round_trip
        self._opening: deque[tuple[float, socket.socket]] = deque()  # when the handshake is over, and the client
        self._connections: list[tuple[Direction, Direction]] = []

    def serve(self, until: Connection) -> None:
        """Serve until the other end of the pipe is closed."""
        while True:
            directions = [direction for both in self._connections for direction in both]
            reading = {direction.source: direction for direction in directions if not direction.is_read}
            blocked = {direction.sink: direction for direction in directions if direction.is_blocked}
            due = min(
                [when for when, _ in self._opening] + [direction.due for direction in directions], default=math.inf
            )
            wait = None if due == math.inf else max(0.0, due - time.monotonic())
            # Not epoll, which waits whole milliseconds.
            sources: list[Connection | socket.socket] = [until, self._listener, *reading]
            readable, writable, _ = select.select(sources, list(blocked), [], wait)
            if until in readable:
                return
            if self._listener in readable:
                self._opening.append((time.monotonic() + self._round_trip, self._listener.accept()[0]))
            while self._opening and self._opening[0][0] <= time.monotonic():
                self._open(self._opening.popleft()[1])
            for both in list(self._connections):
                try:
                    for direction in both:
                        if direction.source in readable:
                            direction.read()
                        if not direction.is_blocked or direction.sink in writable:
                            direction.write()
                except OSError:  # one side has broken off: so does the other
                    self._close(both)
                else:
                    if all(direction.is_over for direction in both):
                        self._close(both)

    def _open(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(self._server)
        except OSError:
            server.close()
            client.close()
            return
        client.setblocking(False)
        server.setblocking(False)
        half = self._round_trip / 2
        self._connections.append((Direction(client, server, half), Direction(server, client, half)))

    def _close(self, both: tuple[Direction, Direction]) -> None:
        self._connections.remove(both)
        for direction in both:
            direction.source.close()


def _serve(path: str, server: str, round_trip: float, pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, whose end closes the pipe
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(128)
        pipe.send("it listens")
        _Proxy(listener, server, round_trip).serve(pipe)
