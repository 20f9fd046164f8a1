"""`ponto import`, killed again and again: each line is accepted or listed at the end, and none is listed twice."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pytest

from tests.commands import write_stack
from tests.unit.test_uploads import punch
from tests.waiting import started, wait_for

LINES = 6_001  # good ones, between two that are refused


class Api(NamedTuple):
    """What accepts punches: at once, until there are so many, and then slowly, so that the import does not end."""

    url: str
    accepted: list[int]
    most: list[int]


@pytest.fixture
def api() -> Iterator[Api]:
    accepted: list[int] = []
    most = [0]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            accepted.append(json.loads(self.rfile.read(int(self.headers["content-length"])))["usuarioId"])
            time.sleep(0.05 if len(accepted) > most[0] else 0)
            self.wfile.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Say nothing of a client that was killed."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Api(f"http://127.0.0.1:{server.server_port}/ponto", accepted, most)
        finally:
            server.shutdown()
            thread.join()


def progress(file: Path) -> Any:
    path = file.with_name(f"{file.name}.progress")
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def test_an_import_that_is_killed_twice_lists_each_refused_line_once(api: Api, tmp_path: Path) -> None:
    file = tmp_path / "october.ndjson"
    good = [punch(employee) for employee in range(1, LINES + 1)]
    file.write_bytes(b"\n".join([b"{", *good, b"{"]))
    words = [sys.executable, "-m", "tools.cli", "import", str(file), "--json"]
    words += ["--state", str(write_stack(tmp_path, api_url=api.url, api_key="key"))]
    for most in (LINES // 3, 2 * LINES // 3):
        api.most[0] = most
        with started(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            wait_for(lambda least=most - 500: progress(file).get("accepted", 0) > least, "progress")  # type: ignore[misc]
            process.kill()
    api.most[0] = 10 * LINES

    done = subprocess.run(words, capture_output=True, text=True, check=False)

    refused = file.with_name("october.ndjson.refused.ndjson")
    assert done.stdout, done.stderr
    assert json.loads(done.stdout) == {"accepted": LINES, "refused": 2, "refusedLines": str(refused)}
    assert [json.loads(line)["line"] for line in refused.read_text(encoding="utf-8").splitlines()] == [1, LINES + 2]
    assert set(api.accepted) == set(range(1, LINES + 1))
    assert not progress(file)
