"""Fake responses, supplied by a test, to urllib3's requests."""

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import pytest
import urllib3
from urllib3.connection import port_by_scheme
from urllib3.connectionpool import HTTPConnectionPool

Response = tuple[int, str, dict[str, str]] | Exception
"""Status, body and headers; or the exception that the connection raises."""


def answer_requests(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[str, str, bytes | None, Mapping[str, str]], Response]
) -> None:
    """Answer all requests of urllib3 without the network.

    Args:
        monkeypatch: Restores urllib3 at the end of the test.
        answer: Called with method, URL, body and headers; returns the response.
    """

    def make_request(
        self: HTTPConnectionPool, _: Any, method: str, path: str, *, body: bytes | None, headers: Any, **options: Any
    ) -> Any:
        port = "" if self.port == port_by_scheme[self.scheme] else f":{self.port}"
        response = answer(method, f"{self.scheme}://{self.host}{port}{path}", body, headers)
        if isinstance(response, Exception):
            raise response
        status, text, fields = response
        return urllib3.HTTPResponse(BytesIO(text.encode()), fields, status, retries=options["retries"])

    # Not `urlopen`, which retries.
    monkeypatch.setattr(HTTPConnectionPool, "_make_request", make_request)
