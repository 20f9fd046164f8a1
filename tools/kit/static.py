"""The files of a folder as a server has to send them to a browser."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}
"""In lower case. The Content-Security-Policy allows nothing but the folder's own files and its own origin's API."""

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}


class File(NamedTuple):
    """A file that is served."""

    body: bytes
    headers: dict[str, str]  # its type's, and those of all; names in lower case


class LocalFiles(NamedTuple):
    """Files that `make run` serves beside the API."""

    key: str  # of their address, in stack.json
    greeting: str  # of the link
    read: Callable[[], Mapping[str, File]]


def files(folder: Path, headers: Mapping[str, str] = HEADERS) -> dict[str, File]:
    """Read a folder of files alone, by their paths below its address, "" for index.html.

    Raises:
        ValueError: a file is of no known type.
    """
    return {
        "" if path.name == "index.html" else path.name: File(
            path.read_bytes(), {"content-type": _type(path), **headers}
        )
        for path in sorted(folder.iterdir())
    }


def _type(path: Path) -> str:
    try:
        return _TYPES[path.suffix]
    except KeyError:
        raise ValueError(f"{path.parent.name}/{path.name} is of no type that tools/kit/static.py knows") from None
