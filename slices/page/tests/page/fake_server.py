"""Fake stack for the page. It serves the page's files, sends planned responses, and records the requests."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from slices.page import site
from tests.serving import Request, Response, http_server, json_response

ApiHandler = Callable[[str, Mapping[str, str], bytes | None], Response]
"""Handler of the API's requests: path below the page's address, headers in lower case, and the body of a POST."""


class PlannedResponse(NamedTuple):
    """Response to one punch."""

    status: int = 0  # sent without calling the API's handler; 0: the handler responds
    headers: Mapping[str, str] = {}


class PunchRequest(NamedTuple):
    """A POST of a punch."""

    key: str | None  # x-api-key
    body: dict[str, Any]
    status: int  # status of the response


class FakeServer:
    """Responses of the fake stack, and the requests that it received."""

    def __init__(self, api: ApiHandler) -> None:
        """Create a server; `api` responds to requests for which no response is planned."""
        self.api = api
        self.origin = ""  # scheme, host and port
        self.folder = site.WEB
        self.sign_in: site.SignIn | None = None
        self.additions: Mapping[str, Path] = {}  # folders of other slices, by name
        self.file_headers: dict[str, str] = {}  # override the headers of the page's files
        self.is_down = False  # no request gets a response
        self.is_api_down = False  # punches get no response
        self.planned_responses: list[PlannedResponse] = []  # for the next punches, in order
        self.punch_requests: list[PunchRequest] = []
        self.requested_addresses: list[str] = []  # path and referrer of each request
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """URL of the page."""
        return f"{self.origin}/stage/"

    def answer(self, request: Request) -> Response | None:
        """Return the response to a request; None closes the connection without one."""
        if self.is_down:
            return None
        self.requested_addresses += [request.path, request.headers.get("referer", "")]
        name = request.path.removeprefix("/stage/").partition("?")[0]
        if request.method == "POST":
            return self._respond_to_punch(request) if name == "ponto" else self.api(name, request.headers, request.body)
        file = site.files(self.folder, self.sign_in, self.additions).get(name)
        if file:
            return 200, file.headers | self.file_headers, file.body
        return self.api(name, request.headers, None)

    def _respond_to_punch(self, request: Request) -> Response | None:
        if self.is_api_down:
            return None
        with self.lock:
            planned = self.planned_responses.pop(0) if self.planned_responses else PlannedResponse()
        if planned.status:
            status, headers, text = json_response(planned.status, {"message": f"made up: {planned.status}"})
            headers = {**headers, **planned.headers}
        else:
            status, headers, text = self.api("ponto", request.headers, request.body)
        self.punch_requests.append(PunchRequest(request.headers.get("x-api-key"), json.loads(request.body), status))
        return status, headers, text

    def accept_and_record(self, path: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        """Accept every punch, and return its receipt from then on: an `ApiHandler`."""
        return accept(path, headers, body) if body is not None else self.receipt(path)

    def receipt(self, path: str, **changes: object) -> Response:
        """Return the receipt of a punch that was sent, in the function's format.

        Args:
            path: path of the request for the receipt.
            changes: fields that differ from the punch.
        """
        punch = next(request.body for request in self.punch_requests if path == f"ponto/{request.body['id']}")
        instant = datetime.fromisoformat(punch["ponto"]).astimezone(UTC).isoformat().replace("+00:00", "Z")
        receipt = {"situacao": "gravada", "id": punch["id"], "usuarioId": punch["usuarioId"], "ponto": instant}
        return json_response(200, receipt | changes)


@contextmanager
def run_fake_server(api: ApiHandler) -> Iterator[FakeServer]:
    """Run a fake server until the context ends."""
    server = FakeServer(api)
    with http_server(server.answer) as server.origin:
        yield server


def accept(_path: str, _headers: Mapping[str, str], body: bytes | None) -> Response:
    """Accept every punch, and find no receipt: an `ApiHandler` of a stack that stores nothing."""
    return json_response(404, {"message": "not yet"}) if body is None else json_response(202, {"message": "accepted"})
