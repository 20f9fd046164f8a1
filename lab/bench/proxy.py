"""Proxy before PostgreSQL that delays data by half a round trip in each direction, with unlimited bandwidth.

It runs in a separate process, so that it does not share the interpreter's lock with the measured code. It listens on a
Unix socket in a private folder, as the server does: no other user of this machine can connect.
"""

import asyncio
import multiprocessing
import selectors
import shutil
import signal
import socket
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tools.local import socket_folder

_MAX_CHUNK_BYTES = 1 << 16


@contextmanager
def run_proxy(server: str, milliseconds: float) -> Iterator[str]:
    """Run a proxy for the context.

    Connecting takes a round trip, as with TCP. Each chunk is forwarded half a round trip after it was received.

    Args:
        server: path of the Unix socket of the server.
        milliseconds: round trip that the proxy adds.

    Yields:
        The folder of the proxy's socket, which has the same name as that of the server.
    """
    folder = socket_folder.create()
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder / Path(server).name))
            listener.listen(128)
            process = multiprocessing.get_context("spawn").Process(
                target=_run, args=(listener, server, milliseconds / 1000), daemon=True
            )
            process.start()
        try:
            yield str(folder)
        finally:
            process.terminate()
            process.join()
    finally:
        shutil.rmtree(folder)


def _run(listener: socket.socket, server: str, round_trip: float) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C, and ends this process
    # select, because epoll waits for whole milliseconds.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(_serve(listener, server, round_trip))


async def _serve(listener: socket.socket, server: str, round_trip: float) -> None:
    async def handle_client(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        with closing(to_client):
            await asyncio.sleep(round_trip)
            with suppress(OSError):  # there is no server, or one side has disconnected: close both
                answer, to_server = await asyncio.open_unix_connection(server)
                with closing(to_server):
                    await asyncio.gather(
                        _forward(client, to_server, round_trip / 2), _forward(answer, to_client, round_trip / 2)
                    )

    parent = multiprocessing.parent_process()
    parent_ended = asyncio.Event()
    if parent:
        asyncio.get_running_loop().add_reader(parent.sentinel, parent_ended.set)
    await asyncio.start_unix_server(handle_client, sock=listener)
    await parent_ended.wait()


async def _forward(source: asyncio.StreamReader, sink: asyncio.StreamWriter, delay: float) -> None:
    """Forward each chunk, and at last the end of the stream, after a delay."""
    loop = asyncio.get_running_loop()
    pending_chunks: deque[bytes] = deque()
    while chunk := await source.read(_MAX_CHUNK_BYTES):
        pending_chunks.append(chunk)
        loop.call_later(delay, lambda: sink.write(pending_chunks.popleft()))
    ended = loop.create_future()
    loop.call_later(delay, ended.set_result, None)
    await ended
    sink.write_eof()
