"""Access control in front of the emulator, which checks neither Host nor Origin nor signatures.

Without it, any web page in the developer's browser and any user of the machine could create a function there, and so
run code as the developer (docs/security.md).
"""

import asyncio
import hmac
import json
import re
import urllib.parse
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from tools.kit import static
from tools.local import asgi, flow
from tools.local.asgi import Application, AsgiResponse, Receive, Scope, Send

MAX_BODY_BYTES = 1 << 17
"""Limit of a body for the API: twice the queue's, so that a slightly larger body gets the queue's response."""

MAX_SIGNED_BODY_BYTES = 1 << 21
"""Limit of the body of a signed request, which may have many items."""

_match_credential = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/").match
_match_api = re.compile(r"/restapis/(?P<api>[0-9a-z]+)/local/_user_request_(?P<path>/.*)", re.DOTALL).fullmatch
# A user pool's public keys, which are public on AWS, too. The emulator's gateway fetches them from itself.
_match_public_keys = re.compile(r"/(?P<pool>[\w-]+)/\.well-known/jwks\.json").fullmatch
# Headers that resources/api.yml and resources/send-message.js use, and those that functions get.
_API_HEADERS = {b"x-api-key", b"content-type", b"authorization", b"accept", b"user-agent"}
_ANY_ORIGIN = (b"access-control-allow-origin", b"*")
_JSON = (b"content-type", b"application/json")
_SIGN = (
    "this is the local AWS: open a link that make run printed, send punches to the API's URL, or sign with this run's "
    "access key id (api_url and aws_access_key_id in stack.json)"
)


Files = Callable[[], Mapping[str, static.File]]
"""Returns files by their paths below the API's URL."""


class PublicFunctions(NamedTuple):
    """Functions of the emulator that need no key."""

    call_api: Callable[[str, str, str, Mapping[str, str], bytes], Awaitable[AsgiResponse]]
    is_signed: Callable[[str, str, str], bool]
    public_keys: Callable[[str], AsgiResponse | None]


class Guard:
    """An ASGI application in front of the emulator's. The run's access key id gives full access; the rest is limited:

    - Requests with another Host are refused: a page under another name may resolve to 127.0.0.1.
    - The API is open to every Origin, as on AWS; the emulator checks its keys and CORS. Only the API's id, the method,
      the path, a few headers and a body of limited length are passed on.
    - Methods that need a signature on AWS need the run's access key id, without an Origin.
    - Files of slices are served beside the method for punches.
    - The view needs its own key, in a header that pages of other origins cannot send.
    - The public keys of a user pool need no key.
    - Everything else needs the run's access key id, without an Origin, and is passed on unchanged.
    """

    def __init__(
        self,
        application: Application,
        public: PublicFunctions,
        port: int,
        key: str,
        view: flow.Flow | None = None,
        file_sources: Sequence[Files] = (),
    ) -> None:
        """Create a guard.

        Args:
            application: the emulator's ASGI application.
            public: functions of the emulator that need no key.
            port: the emulator's port on the loopback address.
            key: access key id of this run.
            view: view at flow.PATH; None: there is none.
            file_sources: functions that return files to serve beside the API.
        """
        self._application = application
        self._public = public
        self._view = view
        self._file_sources = file_sources
        self._hosts = [[f"127.0.0.1:{port}"], [f"localhost:{port}"]]
        self._key = key
        self._is_closing = False
        self._running_requests = 0

    @property
    def is_busy(self) -> bool:
        """True while a request has no response yet."""
        return self._running_requests > 0

    def close(self) -> None:
        """Refuse all further punches, with a status after which clients retry."""
        self._is_closing = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
        elif scope["type"] != "http":  # the stack does not use WebSocket
            await send({"type": "websocket.close"})
        else:
            self._running_requests += 1
            try:
                body = asgi.Body(receive)
                if response := await self._respond(scope, body):
                    await asgi.send_response(send, response, body)
                else:
                    await self._application(scope, receive, send)
            finally:
                self._running_requests -= 1

    async def _respond(self, scope: Scope, body: asgi.Body) -> AsgiResponse | None:
        """Return the response to a request; None: the emulator responds."""
        if asgi.header_values(scope, b"host") not in self._hosts:
            return _message(403, f"a request for another Host than {self._hosts[0][0]} is refused")
        if match := _match_api(scope["path"]):
            return await self._call_api(scope, body, **match.groupdict())
        if self._view and scope["path"].startswith(flow.PATH):
            return await self._serve_view(self._view, scope)
        if asgi.header_values(scope, b"origin"):  # also refused for the stack's pages, which need only the API
            return _message(403, "no web page may call the local AWS: a request with an Origin is refused")
        if self._has_key(scope):
            return None
        match = _match_public_keys(scope["path"]) if scope["method"] == "GET" else None
        return (match and self._public.public_keys(match["pool"])) or _message(403, _SIGN)

    async def _call_api(self, scope: Scope, body: asgi.Body, api: str, path: str) -> AsgiResponse:
        """Serve a file, or pass a request to the API."""
        method = scope["method"]
        if method in ("GET", "HEAD"):
            for read_files in self._file_sources:  # at each request, so that a developer sees changes after a reload
                if file := read_files().get(path.removeprefix("/")):
                    return _file_response(file, method)
        is_signed = self._public.is_signed(api, method, path)
        if is_signed and (any(asgi.header_values(scope, b"origin")) or not self._has_key(scope)):
            return _message(403, _SIGN)
        try:
            content = await body.read(MAX_SIGNED_BODY_BYTES if is_signed else MAX_BODY_BYTES)
        except TimeoutError:
            return _message(408, "the body did not arrive in time; send it again")
        if content is None:
            return _message(413, "there is an error in your request: it is larger than 65536 bytes", _ANY_ORIGIN)
        if self._is_closing:
            return _message(503, "the local stack is stopping; send the punch again later")
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _API_HEADERS}
        return await self._public.call_api(api, method, path, headers, content)

    async def _serve_view(self, view: flow.Flow, scope: Scope) -> AsgiResponse:
        """Serve the view. Pages of other origins cannot send its custom header without a preflight request."""
        method, name = scope["method"], scope["path"].removeprefix(flow.PATH)
        if method == "GET" and (file := static.files(flow.FOLDER).get(name)):
            return _file_response(file, method)
        if not any(
            hmac.compare_digest(header.encode(), view.key.encode()) for header in asgi.header_values(scope, b"x-run")
        ):
            return _message(403, "open the link that make run printed when it started last: it ends in #key=")
        status, body = await asyncio.to_thread(view.respond, method, name)
        return AsgiResponse(status, [_JSON, (b"cache-control", b"no-store")], json.dumps(body).encode())

    def _has_key(self, scope: Scope) -> bool:
        return any(hmac.compare_digest(key_id.encode(), self._key.encode()) for key_id in _access_key_ids(scope))


def _access_key_ids(scope: Scope) -> Iterable[str]:
    """Yield all access key ids in a request.

    Signatures are not checked, as the id itself is the secret. Functions have the account's number as their id; the
    emulator passes its session token on to them, which is the same key.
    """
    for header in asgi.header_values(scope, b"authorization"):
        if match := _match_credential(header):
            yield match[1]
    yield from asgi.header_values(scope, b"x-amz-security-token")
    query = urllib.parse.parse_qs(scope["query_string"].decode("latin-1"))
    for credential in query.get("X-Amz-Credential", []):
        yield credential.partition("/")[0]


def _file_response(file: static.File, method: str) -> AsgiResponse:
    headers = [(name.encode(), value.encode()) for name, value in file.headers.items()]
    return AsgiResponse(200, headers, file.body if method == "GET" else b"")


def _message(status: int, sentence: str, *headers: tuple[bytes, bytes]) -> AsgiResponse:
    return AsgiResponse(status, [_JSON, *headers], json.dumps({"message": sentence}).encode())
