"""Values of the kinds of fields, for examples and tests: valid ones at the limits, and an invalid one."""

from typing import Any

from ponto.shared.fields import Kind

# Characters of one to four bytes in UTF-8, and those that JSON, SQL and psycopg2 escape.
_TEXT = 'Relógio 日 \U0001f600 "\\ %s '

_LIMITS: dict[str, list[Any]] = {
    "boolean": [False, True],
    "uuid": ["00000000-0000-0000-0000-000000000001", "ffffffff-ffff-ffff-ffff-fffffffffffe"],
    "timestamp": ["1900-01-01T00:00+14:59", "2999-12-31T23:59:59.999999-14:59"],
}

_INVALID: dict[str, Any] = {
    "boolean": "true",
    "decimal": "1,5",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "timestamp": "2026-02-30T08:00",
}


def limit_values(kind: Kind) -> list[Any]:
    """Return the least and the greatest valid value of a kind, as sent on the wire.

    For an enumeration these are all values. A pattern has no known values, so the list is empty.
    """
    match kind.name:
        case "integer" | "number":
            return list(kind.limits or ())
        case "decimal":
            return [f"{limit:f}" for limit in kind.limits or ()]
        case "enumeration":
            return list(kind.keywords["enum"])
        case "display_text":
            longest: int = kind.keywords["maxLength"]
            return ["x" * kind.keywords.get("minLength", 0), (_TEXT * longest)[:longest]]
    return _LIMITS.get(kind.name, [])


def invalid_value(kind: Kind) -> Any:
    """Return a value of the right JSON type, in most cases, that a kind rejects."""
    if kind.name in ("integer", "number"):
        return kind.limits[1] + 1 if kind.limits else None
    return _INVALID.get(kind.name, "a\nb")
