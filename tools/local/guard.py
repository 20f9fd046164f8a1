"""Who may speak to the emulator, which itself checks nothing: no Host, no Origin, no signature.

Without it any web page in the developer's browser, and any user of the machine, could create a function there and so
run code as the developer. `docs/security.md` names the threat.
"""

import asyncio
import hmac
import json
import re
import secrets
import urllib.parse
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from tools.kit import site
from tools.local import flow
from tools.local.answers import complete

KEY = "LOCAL"
"""How an access key id of a run begins. Letters, for the emulator takes twelve digits for an account's number."""

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_credential = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/").match
_api = re.compile(r"/restapis/[0-9a-z]+/local/_user_request_/").match
_page = re.compile(r"/restapis/[0-9a-z]+/local/_user_request_/(?P<file>[\w.-]*)").fullmatch
# A user pool's public keys. On AWS they are for everybody too, and the emulator's gateway fetches them from itself.
_public_keys = re.compile(r"/[^/]+/\.well-known/jwks\.json").fullmatch
_CORS = b"access-control-"
_JSON = {"content-type": "application/json"}


def make_key() -> str:
    """Make the access key id of one run: whoever knows it may administer the emulator."""
    return KEY + "".join(secrets.choice(_BASE32) for _ in range(15))


class Guard:
    """An ASGI application in front of another: it lets in what may come in, and completes the API's answers.

    - Another Host than our own is refused: a page of another name that resolves to 127.0.0.1 is none of ours.
    - The API is for every Origin, as on AWS: its keys and its CORS are the emulator's matter.
    - The page, `web/`, lies beside `POST /ponto`, as a CloudFront distribution has it on AWS.
    - The view of what flows through takes its own key in a header that no other page can send.
    - Everything else takes the run's access key id, and no Origin.
    """

    def __init__(self, application: Application, port: int, key: str, view: flow.Flow | None = None) -> None:
        """Admits from the start.

        Args:
            application: what is guarded.
            port: where it is reached, on the loopback address.
            key: the access key id of this run.
            view: what is at flow.PATH, if anything.
        """
        self._application = application
        self._view = view
        self._hosts = [f"127.0.0.1:{port}", f"localhost:{port}"]
        self._key = key
        self._closing = False

    def close(self) -> None:
        """Accept no punch any more: each is asked to come again."""
        self._closing = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
        elif scope["type"] != "http":  # no part of the stack speaks WebSocket
            await send({"type": "websocket.close"})
        elif self._view and scope["path"].startswith(flow.PATH) and self._is_for_us(scope):
            await self._show(self._view, scope, send)
        elif refusal := self._refusal(scope):
            await _answer(send, 403, refusal)
        elif page := _file(scope):
            await _send(send, 200, page.headers, b"" if scope["method"] == "HEAD" else page.body)
        elif not _api(scope["path"]):
            await self._application(scope, receive, _without_cors(send))
        elif self._closing:
            await _answer(send, 503, "the local stack is stopping; send the punch again later")
        elif scope["method"] == "POST":
            await self._post(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    async def _show(self, view: flow.Flow, scope: Scope, send: Send) -> None:
        """Serve the view. A header of one's own is what no page of another origin can send without asking."""
        name = scope["path"].removeprefix(flow.PATH)
        file = site.files(flow.FOLDER).get(name) if scope["method"] == "GET" else None
        if file:
            await _send(send, 200, file.headers, file.body)
        elif not any(hmac.compare_digest(given.encode(), view.key.encode()) for given in _values(scope, b"x-run")):
            await _answer(send, 403, "open the link that make run printed: it ends in #key=")
        else:
            status, body = await asyncio.to_thread(view.answer, scope["method"], name)
            await _send(send, status, {**_JSON, "cache-control": "no-store"}, json.dumps(body).encode())

    def _is_for_us(self, scope: Scope) -> bool:
        hosts = _values(scope, b"host")
        return len(hosts) == 1 and hosts[0] in self._hosts

    def _refusal(self, scope: Scope) -> str | None:
        """Say why a request may not pass, or None."""
        if not self._is_for_us(scope):
            return f"this is {self._hosts[0]} only: another Host is refused"
        if _api(scope["path"]):
            return None
        if _values(scope, b"origin"):  # of our page too: it speaks to the API only
            return "no web page may call the local AWS: a request with an Origin is refused"
        if scope["method"] == "GET" and _public_keys(scope["path"]):
            return None
        if not any(hmac.compare_digest(found.encode(), self._key.encode()) for found in _keys(scope)):
            return "sign with this run's access key id: aws_access_key_id in stack.json"
        return None

    async def _post(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a POST on, and complete an answer that needs its body."""
        body = bytearray()
        start: Message = {}
        answer = bytearray()

        async def overheard() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        async def completed(message: Message) -> None:
            nonlocal start
            if self._view and message["type"] == "http.response.start" and message["status"] == 202:
                self._view.accepted += 1
            if message["type"] == "http.response.start" and message["status"] in (400, 500):
                start = message
            elif not start:
                await send(message)
            else:
                answer.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    status, text = complete(start["status"], bytes(answer), bytes(body))
                    headers = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
                    headers.append((b"content-length", str(len(text)).encode()))
                    await send({**start, "status": status, "headers": headers})
                    await send({"type": "http.response.body", "body": text})

        await self._application(scope, overheard, completed)


def _file(scope: Scope) -> site.File | None:
    """Read the file of the page that is asked for, anew each time: a developer reloads and sees what was changed."""
    found = _page(scope["path"])
    if not found or scope["method"] not in ("GET", "HEAD"):
        return None
    return site.files().get(found["file"])


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for found, value in scope["headers"] if found.lower() == name]


def _keys(scope: Scope) -> Iterable[str]:
    """All access key ids that a request names.

    A signature is not checked: whoever knows the id could make one. The emulator gives functions the account's number
    for an id, and passes its own session token on to them: that is the key too.
    """
    for header in _values(scope, b"authorization"):
        if found := _credential(header):
            yield found[1]
    yield from _values(scope, b"x-amz-security-token")
    query = urllib.parse.parse_qs(scope["query_string"].decode("latin-1"))
    for credential in query.get("X-Amz-Credential", []):
        yield credential.partition("/")[0]


def _without_cors(send: Send) -> Send:
    """Drop what would let a page read the answer: the emulator allows every one."""

    async def drop(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message["headers"] if not pair[0].lower().startswith(_CORS)]
            message = {**message, "headers": kept}
        await send(message)

    return drop


async def _answer(send: Send, status: int, sentence: str) -> None:
    text = json.dumps({"message": sentence}).encode()
    await _send(send, status, _JSON, text)


async def _send(send: Send, status: int, headers: Mapping[str, str], body: bytes) -> None:
    written = [(name.encode(), value.encode()) for name, value in headers.items()]
    if b"content-length" not in dict(written):
        written.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": written})
    await send({"type": "http.response.body", "body": body})
