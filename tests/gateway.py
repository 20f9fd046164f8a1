"""An API of paper: a test answers what would go over the network by urllib3."""

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import pytest
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

Response = tuple[int, str, dict[str, str]] | Exception
"""Status, body and headers; or what a connection raises."""


def answer_requests(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[str, str, bytes | None, Mapping[str, str]], Response]
) -> None:
    """Let nothing go over the network.

    Args:
        monkeypatch: undoes it.
        answer: gets method, URL, body and headers.
    """
    answers: dict[HTTPConnection, Response] = {}

    def request(self: HTTPConnection, method: str, path: str, body: bytes, headers: Any, **_: Any) -> None:
        scheme = "https" if isinstance(self, HTTPSConnection) else "http"
        port = "" if self.port == self.default_port else f":{self.port}"
        found = answers[self] = answer(method, f"{scheme}://{self.host}{port}{path}", body, headers)
        if isinstance(found, Exception):
            raise found

    def getresponse(self: HTTPConnection) -> urllib3.HTTPResponse:
        found = answers.pop(self)
        assert not isinstance(found, Exception)
        status, text, headers = found
        return urllib3.HTTPResponse(BytesIO(text.encode()), headers, status, preload_content=False)

    monkeypatch.setattr(HTTPConnection, "request", request)
    monkeypatch.setattr(HTTPConnection, "getresponse", getresponse)
    monkeypatch.setattr(HTTPSConnection, "connect", lambda self: setattr(self, "is_verified", True))
