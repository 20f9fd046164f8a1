"""Files of the page for employees, including those of other slices, with the headers that a server has to send."""

import base64
import hashlib
import json
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ponto import enabled_slices
from tools.kit import static
from tools.kit.static import File

WEB = Path(__file__).parent / "web"

_WORKER = "sw.js"
_MODULE = "page.js"  # of a slice's folder, imported by the page
_POLICY = "content-security-policy"
_HASHES_PLACEHOLDER = b"const SHELL = {}"

HEADERS: dict[str, str] = json.loads((WEB.parent / "headers.json").read_text(encoding="utf-8"))
"""Headers of every file, in lower case. On AWS `site.yml` sets them; a test compares the two.

The Content-Security-Policy allows only files and requests of the page's origin. Browsers revalidate every file: the
service worker keeps the files for offline use, so a request to the server is for the newest version.
"""


class SignIn(NamedTuple):
    """Endpoints of a Cognito user pool, and its app client without a secret."""

    authorize: str  # URL
    token: str  # URL
    revoke: str  # URL
    logout: str  # URL
    client: str  # id

    @classmethod
    def from_domain(cls, domain: str, client: str) -> "SignIn":
        """Return the endpoints of a user pool.

        Args:
            domain: domain of the user pool, without https://.
            client: id of the app client.
        """
        oauth2 = f"https://{domain}/oauth2"
        return cls(f"{oauth2}/authorize", f"{oauth2}/token", f"{oauth2}/revoke", f"https://{domain}/logout", client)


def slice_folders() -> dict[str, Path]:
    """Return the folders of files that other enabled slices add to the page, by slice name."""
    folders = {name: enabled_slices.FOLDER / name / WEB.name for name in enabled_slices.names()}
    return {name: folder for name, folder in folders.items() if folder != WEB and folder.is_dir()}


def files(
    folder: Path = WEB, sign_in: SignIn | None = None, additions: Mapping[str, Path] | None = None
) -> dict[str, File]:
    """Read the files of the page.

    Args:
        folder: folder of the page's sources.
        sign_in: endpoints of the stage's user pool; None: the stage has none.
        additions: folders of other slices by name, which is also the folder in the URL; None: `slice_folders`.

    Returns:
        The files by their paths below the page's URL, "" for the page itself. The worker contains all hashes.

    Raises:
        ValueError: The worker does not have exactly one placeholder for the hashes, or a file's type is unknown.
    """
    additions = slice_folders() if additions is None else additions
    settings: dict[str, Any] = {"modules": [f"{name}/{_MODULE}" for name in additions]}
    headers = HEADERS
    if sign_in:
        parts = urllib.parse.urlsplit(sign_in.token)
        own_origin, with_pool = "connect-src 'self'", f"connect-src 'self' {parts.scheme}://{parts.netloc}"
        headers = HEADERS | {_POLICY: HEADERS[_POLICY].replace(own_origin, with_pool)}
        settings["signIn"] = sign_in._asdict()
    page_files = static.files(folder, headers)
    for name, addition in additions.items():
        page_files |= {f"{name}/{file_name}": file for file_name, file in static.files(addition, headers).items()}
    page_files["config.json"] = File(json.dumps(settings).encode(), {"content-type": "application/json", **headers})
    worker = page_files[_WORKER]
    if worker.body.count(_HASHES_PLACEHOLDER) != 1:
        raise ValueError(f"{_WORKER} must have the line {_HASHES_PLACEHOLDER.decode()} once")
    hashes = json.dumps(_hashes(page_files, headers[_POLICY])).encode()
    body = worker.body.replace(_HASHES_PLACEHOLDER, _HASHES_PLACEHOLDER.replace(b"{}", hashes))
    return page_files | {_WORKER: worker._replace(body=body)}


def _hashes(files: dict[str, File], policy: str) -> dict[str, str]:
    """Return the SHA-256 of each file; the worker's is that of all other hashes, and identifies the version.

    The page's hash covers its policy, because the policy of another version may forbid requests to the user pool.
    """
    hashes = {name: _hash(file.body) for name, file in files.items()}
    hashes[""] = _hash(policy.encode() + files[""].body)
    return hashes | {_WORKER: _hash(json.dumps(hashes).encode())}


def _hash(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()
