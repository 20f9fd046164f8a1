"""What of the emulator is for everybody, as on AWS: the deployed APIs, and the public keys of user pools.

Both are called by name, past the emulator's routing: that finds a way to every service in the query, the body, the
Host and many headers, whatever the path is.
"""

from collections.abc import Iterable, Mapping
from email.utils import formatdate
from typing import Any

from ministack import app as emulator  # type: ignore[import-untyped]

from tools.local.guard import Answer

STAGE = "local"


async def call_api(api: str, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Send a request to the deployed stage of an API. One that does not exist answers 404.

    Args:
        api: its id.
        method: HTTP's.
        path: below the stage, decoded, with its slash.
        headers: by their names in lower case.
        body: all of it.
    """
    gateway = emulator._get_module("apigateway_v1")
    return _answer(await gateway.handle_execute(api, STAGE, method, path, headers, body, {}))


def public_keys(pool: str) -> Answer | None:
    """Give the keys that check a user pool's tokens; None when there is no such pool."""
    cognito = emulator._get_module("cognito")
    return _answer(cognito.well_known_jwks(pool)) if cognito._get_pool_unscoped(pool) else None


def _answer(given: tuple[int, dict[str, Any], bytes | str]) -> Answer:
    status, headers, body = given
    written: Iterable[tuple[bytes, bytes]] = emulator._asgi_header_list(headers)
    date = (b"date", formatdate(usegmt=True).encode())  # the emulator has told hypercorn not to add it
    return Answer(status, [*written, date], body if isinstance(body, bytes) else body.encode())
