"""A server before a browser: it serves the page, misbehaves as networks and servers do, and notes what it saw."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

from slices.page import site
from tests.serving import Request, Response, answering, json_answer
from tests.waiting import DEADLINE

Api = Callable[[str, Mapping[str, str], bytes | None], Response]
"""Answers a path below the page's address, with its headers in lower case, and a body where it is a POST."""


class Fault(NamedTuple):
    """What happens to one punch on its way."""

    status: int = 0  # answered instead of passing it on; 0: it is passed on
    headers: Mapping[str, str] = {}


class Post(NamedTuple):
    """A punch that was sent."""

    key: str | None
    body: dict[str, Any]
    status: int  # what the browser was told


class Held:
    """An API that answers once it is let go."""

    def __init__(self, api: Api) -> None:
        """`api` answers then."""
        self._api = api
        self._goes = threading.Event()
        self.came = threading.Event()  # a request did

    def __call__(self, path: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        """Wait, then answer."""
        self.came.set()
        self._goes.wait(DEADLINE)
        return self._api(path, headers, body)

    def let_go(self) -> None:
        """Answer whatever waits, and what comes later at once."""
        self._goes.set()


class Between:
    """What `between` listens for; the page comes from a folder."""

    def __init__(self, api: Api) -> None:
        """`api` answers what no fault is planned for."""
        self.api = api
        self.origin = ""  # its address, without a path
        self.folder = site.WEB
        self.sign_in: site.SignIn | None = None
        self.headers: dict[str, str] = {}  # of the page's files, instead of their own
        self.down = False  # nothing is answered
        self.api_down = False  # no punch is answered, the page is
        self.faults: list[Fault] = []  # one for each punch that comes, in order
        self.posts: list[Post] = []
        self.addresses: list[str] = []  # of every request, and where it came from
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """The page's address."""
        return f"{self.origin}/stage/"

    def answer(self, request: Request) -> Response | None:
        """Answer a request, or not."""
        if self.down:
            return None
        self.addresses += [request.path, request.headers.get("referer", "")]
        if request.method == "POST":
            return self._punch(request)
        name = request.path.removeprefix("/stage/").partition("?")[0]
        file = site.files(self.folder, self.sign_in).get(name)
        if file:
            return 200, file.headers | self.headers, file.body
        return self.api(name, request.headers, None)

    def _punch(self, request: Request) -> Response | None:
        if self.api_down:
            return None
        with self.lock:
            fault = self.faults.pop(0) if self.faults else Fault()
        if fault.status:
            status, headers, text = json_answer(fault.status, {"message": f"made up: {fault.status}"})
            headers = {**headers, **fault.headers}
        else:
            status, headers, text = self.api("ponto", request.headers, request.body)
        self.posts.append(Post(request.headers.get("x-api-key"), json.loads(request.body), status))
        return status, headers, text

    def record(self, path: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        """Accept every punch, and have its row at once: an `Api`."""
        return accept(path, headers, body) if body is not None else self.receipt(path)

    def receipt(self, path: str, **changes: object) -> Response:
        """Answer with a receipt, as the function writes it, of a punch that was sent.

        Args:
            path: it was asked for by.
            changes: fields that differ from the punch.
        """
        punch = next(post.body for post in self.posts if path == f"ponto/{post.body['id']}")
        instant = datetime.fromisoformat(punch["ponto"]).astimezone(UTC).isoformat().replace("+00:00", "Z")
        receipt = {"situacao": "gravada", "id": punch["id"], "usuarioId": punch["usuarioId"], "ponto": instant}
        return json_answer(200, receipt | changes)


@contextmanager
def between(api: Api) -> Iterator[Between]:
    """Listen for as long as the context lasts."""
    server = Between(api)
    with answering(server.answer) as server.origin:
        yield server


def accept(_path: str, _headers: Mapping[str, str], body: bytes | None) -> Response:
    """Accept every punch, and know of no row: a stack without anything behind it."""
    return json_answer(404, {"message": "not yet"}) if body is None else json_answer(202, {"message": "accepted"})
