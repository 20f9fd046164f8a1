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

ApiHandler = Callable[[str, Mapping[str, str], bytes | None], Response]
"""Answers a path below the page's address, with its headers in lower case, and a body where it is a POST."""


class PlannedResponse(NamedTuple):
    """What happens to one punch on its way."""

    status: int = 0  # answered instead of passing it on; 0: it is passed on
    headers: Mapping[str, str] = {}


class PunchRequest(NamedTuple):
    """A punch that was sent."""

    key: str | None
    body: dict[str, Any]
    status: int  # what the browser was told


class BlockedApi:
    """An API that answers once it is let go."""

    def __init__(self, api: ApiHandler) -> None:
        """`api` answers then."""
        self._api = api
        self._is_released = threading.Event()
        self.request_arrived = threading.Event()  # a request did

    def __call__(self, path: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        """Wait, then answer."""
        self.request_arrived.set()
        self._is_released.wait(DEADLINE)
        return self._api(path, headers, body)

    def release(self) -> None:
        """Answer whatever waits, and what comes later at once."""
        self._is_released.set()


class FakeServer:
    """What `between` listens for; the page comes from a folder."""

    def __init__(self, api: ApiHandler) -> None:
        """`api` answers what no fault is planned for."""
        self.api = api
        self.origin = ""  # its address, without a path
        self.folder = site.WEB
        self.sign_in: site.SignIn | None = None
        self.file_headers: dict[str, str] = {}  # of the page's files, instead of their own
        self.is_down = False  # nothing is answered
        self.is_api_down = False  # no punch is answered, the page is
        self.planned_responses: list[PlannedResponse] = []  # one for each punch that comes, in order
        self.punch_requests: list[PunchRequest] = []
        self.requested_addresses: list[str] = []  # of every request, and where it came from
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """The page's address."""
        return f"{self.origin}/stage/"

    def answer(self, request: Request) -> Response | None:
        """Answer a request, or not."""
        if self.is_down:
            return None
        self.requested_addresses += [request.path, request.headers.get("referer", "")]
        if request.method == "POST":
            return self._punch(request)
        name = request.path.removeprefix("/stage/").partition("?")[0]
        file = site.files(self.folder, self.sign_in).get(name)
        if file:
            return 200, file.headers | self.file_headers, file.body
        return self.api(name, request.headers, None)

    def _punch(self, request: Request) -> Response | None:
        if self.is_api_down:
            return None
        with self.lock:
            fault = self.planned_responses.pop(0) if self.planned_responses else PlannedResponse()
        if fault.status:
            status, headers, text = json_answer(fault.status, {"message": f"made up: {fault.status}"})
            headers = {**headers, **fault.headers}
        else:
            status, headers, text = self.api("ponto", request.headers, request.body)
        self.punch_requests.append(PunchRequest(request.headers.get("x-api-key"), json.loads(request.body), status))
        return status, headers, text

    def accept_and_record(self, path: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        """Accept every punch, and have its row at once: an `Api`."""
        return accept(path, headers, body) if body is not None else self.receipt(path)

    def receipt(self, path: str, **changes: object) -> Response:
        """Answer with a receipt, as the function writes it, of a punch that was sent.

        Args:
            path: it was asked for by.
            changes: fields that differ from the punch.
        """
        punch = next(post.body for post in self.punch_requests if path == f"ponto/{post.body['id']}")
        instant = datetime.fromisoformat(punch["ponto"]).astimezone(UTC).isoformat().replace("+00:00", "Z")
        receipt = {"situacao": "gravada", "id": punch["id"], "usuarioId": punch["usuarioId"], "ponto": instant}
        return json_answer(200, receipt | changes)


@contextmanager
def run_fake_server(api: ApiHandler) -> Iterator[FakeServer]:
    """Listen for as long as the context lasts."""
    server = FakeServer(api)
    with answering(server.answer) as server.origin:
        yield server


def accept(_path: str, _headers: Mapping[str, str], body: bytes | None) -> Response:
    """Accept every punch, and know of no row: a stack without anything behind it."""
    return json_answer(404, {"message": "not yet"}) if body is None else json_answer(202, {"message": "accepted"})
