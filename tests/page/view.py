"""The view of the local stack before numbers that a test makes up."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.serving import Request, Response, http_server, json_response
from tools.kit import static
from tools.local import flow

KEY = "kept"


class FakeStack:
    """A stack whose numbers are made up."""

    def __init__(self, numbers: Callable[[], dict[str, Any]]) -> None:
        """`numbers` gives them anew each time."""
        self._numbers = numbers
        self.down = False  # nothing is answered
        self.accepted: list[Any] = []  # punches
        self.url = ""  # the view's

    def answer(self, request: Request) -> Response | None:
        """Answer a request, or not."""
        if self.down:
            return None
        if request.method == "POST":
            self.accepted.append(json.loads(request.body))
            return json_response(202, {"message": "accepted"})
        name = request.path.removeprefix(flow.PATH)
        if file := static.files(flow.FOLDER).get(name):
            return 200, file.headers, file.body
        has_key = request.headers.get("x-run") == KEY
        numbers = self._numbers()
        found = numbers.get("verdict", {"lost": None}) if name == "verdict" else numbers
        return json_response(200, found) if has_key else json_response(403, {"message": "no"})


@contextmanager
def serve_view(numbers: Callable[[], dict[str, Any]]) -> Iterator[FakeStack]:
    """Serve the view for as long as the context lasts."""
    stack = FakeStack(numbers)
    with http_server(stack.answer) as origin:
        stack.url = origin + flow.PATH
        yield stack
