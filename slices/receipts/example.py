"""Examples of answers, for the README."""

import json
from datetime import UTC, timedelta
from typing import Any

from ponto.drain.parser import parse
from ponto.punch import EVENT
from slices.receipts import function, lookup

_BODY = {"id": "0199a1f2-7c1e-7b52-9d1f-6b1f0a4c2d3e", **EVENT.examples[0]}


def receipt_block() -> str:
    """Return a receipt as a fenced block."""
    return _fence(_receipt())


def list_block() -> str:
    """Return a list of receipts as a fenced block."""
    return _fence({function.LIST_FIELD: [_receipt()]})


def _receipt() -> dict[str, Any]:
    row = parse(json.dumps(_BODY), UTC)
    instant = getattr(row, EVENT.instant).astimezone(UTC)
    received, written = (instant + timedelta(microseconds=after) for after in (1_234_000, 2_871_345))
    return lookup.to_json((row.id, EVENT.subject_id(row), instant, received, written))


def _fence(answer: dict[str, Any]) -> str:
    return f"```json\n{json.dumps(answer, ensure_ascii=False)}\n```"
