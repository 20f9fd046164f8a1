"""Static files of a folder with the HTTP headers for a browser."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

DEFAULT_HEADERS: Mapping[str, str] = {
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
"""Headers with names in lower case. The Content-Security-Policy allows only the same origin's files and API."""

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
    """A file with its headers."""

    body: bytes
    headers: dict[str, str]  # names in lower case


class LocalFiles(NamedTuple):
    """Files that `make run` serves beside the API."""

    key: str  # key of their address in stack.json
    link_text: str  # text of the link to them
    read: Callable[[], Mapping[str, File]]


def files(folder: Path, headers: Mapping[str, str] = DEFAULT_HEADERS) -> dict[str, File]:
    """Return the files of a folder, which has no subfolders, by their URL paths; index.html has the path "".

    Raises:
        ValueError: a file has an unknown type.
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
        raise ValueError(f"{path.parent.name}/{path.name} has an unknown type; add it to tools/kit/static.py") from None
