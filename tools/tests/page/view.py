"""A fake local stack that serves the view with numbers from a test."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.serving import Request, Response, http_server, json_response
from tools.kit import static
from tools.local import flow

KEY = "kept"


class FakeStack:
    """Fake of the local stack, with numbers from a function."""

    def __init__(self, numbers: Callable[[], dict[str, Any]]) -> None:
        """Store the function `numbers`, which is called for each request."""
        self._numbers = numbers
        self.is_down = False  # whether requests get no response
        self.accepted: list[Any] = []  # punches
        self.url = ""  # URL of the view

    def answer(self, request: Request) -> Response | None:
        """Return the response to a request, or None if the stack is down."""
        if self.is_down:
            return None
        if request.method == "POST":
            self.accepted.append(json.loads(request.body))
            return json_response(202, {"message": "accepted"})
        name = request.path.removeprefix(flow.PATH)
        if file := static.files(flow.FOLDER).get(name):
            return 200, file.headers, file.body
        has_key = request.headers.get("x-run") == KEY
        numbers = self._numbers()
        content = numbers.get("verdict", {"lost": None}) if name == "verdict" else numbers
        return json_response(200, content) if has_key else json_response(403, {"message": "no"})


@contextmanager
def serve_view(numbers: Callable[[], dict[str, Any]]) -> Iterator[FakeStack]:
    """Serve the view while the context is open."""
    stack = FakeStack(numbers)
    with http_server(stack.answer) as origin:
        stack.url = origin + flow.PATH
        yield stack
