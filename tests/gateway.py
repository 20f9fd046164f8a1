"""Fake responses, supplied by a test, to urllib3's requests."""

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import pytest
import urllib3
from urllib3.connection import port_by_scheme
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ProtocolError

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

    def urlopen(self: HTTPConnectionPool, method: str, path: str, body: bytes | None = None, **options: Any) -> Any:
        port = "" if self.port == port_by_scheme[self.scheme] else f":{self.port}"
        url = f"{self.scheme}://{self.host}{port}{path}"
        response = answer(method, url, body, options.get("headers") or self.headers)
        if isinstance(response, Exception):
            raise ProtocolError("Connection aborted.", response)
        status, text, headers = response
        return urllib3.HTTPResponse(BytesIO(text.encode()), headers, status, preload_content=False)

    monkeypatch.setattr(HTTPConnectionPool, "urlopen", urlopen)
