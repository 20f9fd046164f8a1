"""A server before a browser: it serves the page, misbehaves as networks and servers do, and notes what it saw."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from tests.waiting import DEADLINE
from tools.kit import site

Answer = tuple[int, Mapping[str, str], bytes]
Api = Callable[[str, Mapping[str, str], bytes | None], Answer]
"""Answers a path below the page's address, with its headers in lower case, and a body where it is a POST."""


class Fault(NamedTuple):
    """What happens to one punch on its way."""

    status: int = 0  # answered instead of passing it on; 0: it is passed on
    headers: Mapping[str, str] = {}
    lost: bool = False  # the answer
    silence: float = 0  # s before anything happens


class Post(NamedTuple):
    """A punch that was sent."""

    key: str
    body: dict[str, Any]
    status: int  # what the browser was told; 0: nothing


class Held:
    """An API that answers once it is let go."""

    def __init__(self, api: Api) -> None:
        """`api` answers then."""
        self._api = api
        self._goes = threading.Event()
        self.came = threading.Event()  # a request did

    def __call__(self, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Wait, then answer."""
        self.came.set()
        self._goes.wait(DEADLINE)
        return self._api(path, headers, body)

    def let_go(self) -> None:
        """Answer whatever waits, and what comes later at once."""
        self._goes.set()


class Between:
    """Listens on a port of its own; the page comes from a folder."""

    def __init__(self, api: Api) -> None:
        """Listens at once.

        Args:
            api: answers what no fault is planned for.
        """
        self.api = api
        self.folder = site.WEB
        self.sign_in: site.SignIn | None = None
        self.headers: dict[str, str] = {}  # of the page's files, instead of their own
        self.down = False  # nothing is answered
        self.api_down = False  # no punch is answered, the page is
        self.faults: list[Fault] = []  # one for each punch that comes, in order
        self.posts: list[Post] = []
        self.receipts: list[str] = []  # asked for, by their ids
        self.addresses: list[str] = []  # of every request, and where it came from
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def origin(self) -> str:
        """Its address, without a path."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """The page's address."""
        return f"{self.origin}/stage/"

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def record(self, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Accept every punch, and have its row at once: an `Api`."""
        return accept(path, headers, body) if body is not None else self.receipt(path)

    def receipt(self, path: str, **changes: object) -> Answer:
        """Answer with a receipt, as the function writes it, of a punch that was sent.

        Args:
            path: it was asked for by.
            changes: fields that differ from the punch.
        """
        punch = next(post.body for post in self.posts if path == f"ponto/{post.body['id']}")
        instant = datetime.fromisoformat(punch["ponto"]).astimezone(UTC).isoformat().replace("+00:00", "Z")
        told = {"situacao": "gravada", "id": punch["id"], "usuarioId": punch["usuarioId"], "ponto": instant}
        return json_answer(200, told | changes)

    def sent(self, employee: int) -> list[Post]:
        """Give the posts of an employee, oldest first."""
        return [post for post in list(self.posts) if post.body["usuarioId"] == employee]


@contextmanager
def between(api: Api) -> Iterator[Between]:
    """Listen for as long as the context lasts."""
    server = Between(api)
    try:
        yield server
    finally:
        server.close()


def _handler(server: Between) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle(self) -> None:
            if not server.down:  # else the connection is closed, as by a network that went away
                try:
                    super().handle()
                except ConnectionError:
                    self.close_connection = True  # the browser is gone

        def parse_request(self) -> bool:
            good = super().parse_request()
            if good:
                server.addresses += [self.path, self.headers["referer"] or ""]
            return good

        def do_GET(self) -> None:
            name = self.path.removeprefix("/stage/").partition("?")[0]
            file = site.files(server.folder, server.sign_in).get(name)
            if file:
                self._answer(200, file.headers | server.headers, file.body)
            else:
                server.receipts.append(name.removeprefix("ponto/"))
                self._answer(*server.api(name, self._sent(), None))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if server.api_down:
                return
            with server.lock:
                fault = server.faults.pop(0) if server.faults else Fault()
            time.sleep(fault.silence)
            if fault.status:
                status, headers, text = json_answer(fault.status, {"message": f"made up: {fault.status}"})
                headers = {**headers, **fault.headers}
            else:
                status, headers, text = server.api("ponto", self._sent(), body)
            told = 0 if fault.lost else status
            server.posts.append(Post(self.headers["x-api-key"], json.loads(body), told))
            if not fault.lost:
                self._answer(status, headers, text)

        def _sent(self) -> dict[str, str]:
            return {name.lower(): value for name, value in self.headers.items()}

        def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in ("content-length", "date", "server", "connection", "transfer-encoding"):
                    self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: `posts` has it."""

    return Handler


def json_answer(status: int, body: object) -> Answer:
    """Make an answer as the gateway has it."""
    return status, {"content-type": "application/json"}, json.dumps(body).encode()


def stack_at(page_url: str) -> Api:
    """Pass everything on to a running stack.

    Args:
        page_url: the stack's.
    """

    def answer(path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        kept = {name: value for name, value in headers.items() if name in ("content-type", "x-api-key")}
        request = urllib.request.Request(page_url + path, body, kept)  # noqa: S310  the stack's own
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE) as given:  # noqa: S310
                return given.status, dict(given.headers), given.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()

    return answer


def accept(_path: str, _headers: Mapping[str, str], body: bytes | None) -> Answer:
    """Accept every punch, and know of no row: a stack without anything behind it."""
    return json_answer(404, {"message": "not yet"}) if body is None else json_answer(202, {"message": "accepted"})


def copy_of_the_page(folder: Path) -> Path:
    """Copy `web/`, so that a test may change it."""
    folder.mkdir()
    for file in site.WEB.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder
