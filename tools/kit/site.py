"""The page for employees: the files of `web/` as a server has to send them."""

import base64
import hashlib
import json
import urllib.parse
from pathlib import Path
from typing import NamedTuple

from tools.kit.project import ROOT

WEB = ROOT / "web"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
_PAGE = "index.html"
_WORKER = "sw.js"
_POLICY = "content-security-policy"
_MARK = b"const SHELL = {}"

HEADERS: dict[str, str] = json.loads((ROOT / "resources" / "page-headers.json").read_text(encoding="utf-8"))
"""What every file is sent with, in lower case; on AWS by `slices/page/site.yml`, which a test holds equal.

The Content-Security-Policy allows nothing but the page's own files and its own origin's API. Nothing is cached
unasked: the worker keeps the files, and whoever asks a server wants the newest.
"""


class SignIn(NamedTuple):
    """Where employees sign in: a Cognito user pool's domain, and an app client without a secret."""

    authorize: str  # URL
    token: str  # URL
    revoke: str  # URL
    logout: str  # URL
    client: str  # its id

    @classmethod
    def at(cls, domain: str, client: str) -> "SignIn":
        """Name Cognito's endpoints.

        Args:
            domain: the user pool's, without https://.
            client: the id of an app client.
        """
        oauth2 = f"https://{domain}/oauth2"
        return cls(f"{oauth2}/authorize", f"{oauth2}/token", f"{oauth2}/revoke", f"https://{domain}/logout", client)


class File(NamedTuple):
    """A file of the page."""

    body: bytes
    headers: dict[str, str]  # its own type, and HEADERS


def files(folder: Path = WEB, sign_in: SignIn | None = None) -> dict[str, File]:
    """Read the page.

    Args:
        folder: where its sources are.
        sign_in: of a stage with a user pool.

    Returns:
        Its files by their paths below the page's address, "" for the page itself. A worker has the hashes of all.

    Raises:
        ValueError: the worker has no place for the hashes, or a file is of no known type.
    """
    bodies = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    headers = HEADERS
    if _WORKER in bodies:
        bodies["config.json"] = json.dumps({"signIn": sign_in._asdict()} if sign_in else {}).encode()
    if sign_in:
        parts = urllib.parse.urlsplit(sign_in.token)
        here, there = "connect-src 'self'", f"connect-src 'self' {parts.scheme}://{parts.netloc}"
        headers = HEADERS | {_POLICY: HEADERS[_POLICY].replace(here, there)}
    return {
        "" if name == _PAGE else name: File(body, {"content-type": _type(name), **headers})
        for name, body in _with_hashes(bodies, headers[_POLICY]).items()
    }


def _with_hashes(bodies: dict[str, bytes], policy: str) -> dict[str, bytes]:
    """Write the files' hashes into the worker, if there is one; its own stands for the version as a whole.

    The page's is of its policy, too: with the policy of another version it would not be allowed to ask for tokens.
    """
    if _WORKER not in bodies:
        return bodies
    worker = bodies[_WORKER]
    if worker.count(_MARK) != 1:
        raise ValueError(f"{_WORKER} must have the line {_MARK.decode()} once")
    hashes = {name: _hash(body) for name, body in bodies.items()}
    hashes[""] = _hash(policy.encode() + bodies[_PAGE])
    del hashes[_PAGE]
    hashes[_WORKER] = _hash(json.dumps(hashes).encode())
    return bodies | {_WORKER: worker.replace(_MARK, b"const SHELL = " + json.dumps(hashes).encode())}


def _hash(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def _type(name: str) -> str:
    try:
        return _TYPES[Path(name).suffix]
    except KeyError:
        raise ValueError(f"web/{name} is of no type that tools/kit/site.py knows") from None
