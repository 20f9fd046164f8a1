"""Bodies that the gateway would refuse, which tests and fault injection put on the queue."""

import json
from typing import Any

from ponto.drain.parser import Reason
from ponto.punch import EVENT
from tools.kit import event


def _body(**fields: Any) -> str:
    return json.dumps(event.body(1, "2026-10-01T08:00:00Z") | fields)


def _body_without(name: str) -> str:
    return json.dumps({key: value for key, value in json.loads(_body()).items() if key != name})


_NAMES = [field.name for field in EVENT.fields.values() if field.kind.name == "display_text"]
_SUBJECT_FIELD, _INSTANT_FIELD = EVENT.fields[EVENT.subject].name, EVENT.fields[EVENT.instant].name


INVALID_BODIES = {
    "not JSON": (Reason.MALFORMED, "hello"),
    "NaN": (Reason.MALFORMED, _body(id=float("nan"))),
    "too deep": (Reason.MALFORMED, "[" * 30_000 + "]" * 30_000),
    "thousands of digits": (Reason.MALFORMED, '{"id": ' + "9" * 60_000 + "}"),
    **{f"lone surrogate in {name}": (Reason.MALFORMED, _body(**{name: "\ud800"})) for name in _NAMES},
    "no object": (Reason.INVALID, "[]"),
    "nothing": (Reason.INVALID, "{}"),
    **{f"no {name}": (Reason.INVALID, _body_without(name)) for name in (_SUBJECT_FIELD, _INSTANT_FIELD)},
    "unknown field": (Reason.INVALID, _body(unknown=1)),
    "64 KiB": (Reason.INVALID, _body(id="x" * (65_536 - len(_body(id=""))))),
    **{f"NUL in {name}": (Reason.INVALID, _body(**{name: "a\0b"})) for name in _NAMES},
    "10^400": (Reason.INVALID, _body(**{_SUBJECT_FIELD: 10**400})),
    **{
        f"1e400 in {field.name}": (Reason.INVALID, _body(**{field.name: "1e400"}).replace('"1e400"', "1e400"))
        for field in EVENT.fields.values()
    },
    "impossible date": (Reason.INVALID, _body(**{_INSTANT_FIELD: "2026-02-30T08:00:00Z"})),
    "leap second": (Reason.INVALID, _body(**{_INSTANT_FIELD: "2016-12-31T23:59:60Z"})),
    "year 10000": (Reason.INVALID, _body(**{_INSTANT_FIELD: "10000-01-01T00:00:00Z"})),
    **{detail: (Reason.INVALID, json.dumps(body)) for body, detail in event.INVALID},
}
"""Bodies that the gateway would refuse, by name, each with the reason of its dead letter."""
