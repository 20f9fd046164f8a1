"""An API of paper: a test answers what would go over the network by urllib3."""

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import pytest
import urllib3
from urllib3.connection import port_by_scheme
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ProtocolError

Response = tuple[int, str, dict[str, str]] | Exception
"""Status, body and headers; or what a connection raises."""


def answer_requests(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[str, str, bytes | None, Mapping[str, str]], Response]
) -> None:
    """Answer all requests, so that nothing goes over the network.

    Args:
        monkeypatch: undoes it.
        answer: gets method, URL, body and headers.
    """

    def urlopen(self: HTTPConnectionPool, method: str, path: str, body: bytes | None = None, **how: Any) -> Any:
        port = "" if self.port == port_by_scheme[self.scheme] else f":{self.port}"
        found = answer(method, f"{self.scheme}://{self.host}{port}{path}", body, how.get("headers") or self.headers)
        if isinstance(found, Exception):
            raise ProtocolError("Connection aborted.", found)
        status, text, headers = found
        return urllib3.HTTPResponse(BytesIO(text.encode()), headers, status, preload_content=False)

    monkeypatch.setattr(HTTPConnectionPool, "urlopen", urlopen)
