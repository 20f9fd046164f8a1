"""`POST /correcao`, which IAM lets nobody send unsigned: the author is whom AWS names, never whom the request does."""

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, NamedTuple, TypedDict

import psycopg2

from ponto.connection import CannotConnectError, Parameters, Timeouts, connect
from ponto.corrections.write import MOST, Correction, RefusedError, read_all, told, write

TIMEOUTS = Timeouts(connect_s=8, try_s=4)
"""A database that resumes takes longer to connect to; whoever sends is told, and sends it again."""

UNAVAILABLE_S = 15
"""s after which to send it again."""

_OPTIONS = f"-c statement_timeout={TIMEOUTS.statement_ms} -c lock_timeout={TIMEOUTS.lock_ms} -c synchronous_commit=on"


class Answer(TypedDict):
    """What API Gateway passes on to whoever asked."""

    statusCode: int
    headers: dict[str, str]
    body: str


class Done(NamedTuple):
    """What the log may say."""

    written: int = 0
    known: int = 0  # that a retry found
    refused: int = 0
    error: str = ""  # its kind; empty: none


def answer(event: Mapping[str, Any], parameters: Callable[[], Parameters], author: str) -> tuple[Answer, Done]:
    """Write what is asked for, all or nothing.

    Args:
        event: a request, as API Gateway's proxy integration gives it.
        parameters: gives the keyword arguments of `psycopg2.connect`.
        author: who answers for it whoever sends it; empty, as on AWS: whom AWS names.

    Returns:
        The answer, and what may be logged of it: 200 with a row for each; 400 or 409 with the reasons, by position, of
        those whose form or whose content is refused; 403 where AWS names nobody; 503 while the database does not
        answer.
    """
    author = author or event["requestContext"]["identity"].get("userArn") or ""
    if not author:
        return _refusal(403, "corrections are for callers whom AWS names: sign the request (AWS_IAM)")
    try:
        asked = _read(event.get("body"))
    except RefusedError as error:
        return _refusal(400, "nothing was written", error.reasons)
    except ValueError as error:
        return _refusal(400, f"there is an error in your request: {error}")
    try:
        with closing(connect(parameters(), "ponto correction", TIMEOUTS, options=_OPTIONS)) as database:
            written = write(database, asked, author)
    except RefusedError as error:
        return _refusal(409, "nothing was written", error.reasons)
    except (psycopg2.Error, CannotConnectError) as error:
        kind = f"{type(error).__name__} {getattr(error, 'pgcode', None) or ''}".strip()
        text = "the database does not answer, or is busy; nothing was written, or all of it: send it again"
        return _answer(503, {"message": text}, {"Retry-After": str(UNAVAILABLE_S)}), Done(error=kind)
    new = sum(each.is_new for each in written)
    return _answer(200, {"correcoes": [told(each) for each in written]}), Done(new, len(written) - new)


def _read(body: object) -> list[Correction]:
    """Read the corrections of a body.

    Raises:
        RefusedError: the form of some is wrong.
        ValueError: it holds none, or too many.
    """
    try:
        given = json.loads(body if isinstance(body, str) else "")["correcoes"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError('must be {"correcoes": [...]}') from None
    if not isinstance(given, list) or not 1 <= len(given) <= MOST:
        raise ValueError(f"must hold 1 to {MOST} corrections")
    return read_all(given)


def _refusal(status: int, message: str, reasons: Mapping[int, str] | None = None) -> tuple[Answer, Done]:
    refused = [{"posicao": position, "razao": why} for position, why in (reasons or {}).items()]
    return _answer(status, {"message": message, "recusadas": refused}), Done(refused=len(refused) or 1)


def _answer(status: int, body: Mapping[str, object], more: Mapping[str, str] | None = None) -> Answer:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store", **(more or {})}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}
