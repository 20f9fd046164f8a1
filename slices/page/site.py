"""The page for employees: the files of `web/` as a server has to send them."""

import base64
import hashlib
import json
import urllib.parse
from pathlib import Path
from typing import NamedTuple

from tools.kit import static
from tools.kit.static import File

WEB = Path(__file__).parent / "web"

_WORKER = "sw.js"
_POLICY = "content-security-policy"
_MARK = b"const SHELL = {}"

HEADERS: dict[str, str] = json.loads((WEB.parent / "headers.json").read_text(encoding="utf-8"))
"""What every file is sent with, in lower case; on AWS by `site.yml`, which a test holds equal.

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


def files(folder: Path = WEB, sign_in: SignIn | None = None) -> dict[str, File]:
    """Read the page.

    Args:
        folder: where its sources are.
        sign_in: of a stage with a user pool.

    Returns:
        Its files by their paths below the page's address, "" for the page itself. The worker has the hashes of all.

    Raises:
        ValueError: the worker has no place for the hashes, or a file is of no known type.
    """
    headers, settings = HEADERS, {}
    if sign_in:
        parts = urllib.parse.urlsplit(sign_in.token)
        here, there = "connect-src 'self'", f"connect-src 'self' {parts.scheme}://{parts.netloc}"
        headers = HEADERS | {_POLICY: HEADERS[_POLICY].replace(here, there)}
        settings = {"signIn": sign_in._asdict()}
    found = static.files(folder, headers)
    found["config.json"] = File(json.dumps(settings).encode(), {"content-type": "application/json", **headers})
    worker = found[_WORKER]
    if worker.body.count(_MARK) != 1:
        raise ValueError(f"{_WORKER} must have the line {_MARK.decode()} once")
    known = _MARK.replace(b"{}", json.dumps(_hashes(found, headers[_POLICY])).encode())
    return found | {_WORKER: worker._replace(body=worker.body.replace(_MARK, known))}


def _hashes(files: dict[str, File], policy: str) -> dict[str, str]:
    """Give the files' hashes; the worker's own stands for the version as a whole.

    The page's is of its policy, too: with the policy of another version it would not be allowed to ask for tokens.
    """
    hashes = {name: _hash(file.body) for name, file in files.items()}
    hashes[""] = _hash(policy.encode() + files[""].body)
    return hashes | {_WORKER: _hash(json.dumps(hashes).encode())}


def _hash(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()
