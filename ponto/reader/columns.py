"""Rows as they travel: columns, in which each value is what has changed since the one above it, compressed.

So what a row repeats costs next to nothing: its employee, or its times in another zone. Both ends share this file.
"""

import base64
import json
import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate, chain
from typing import Any

AT_ONCE = 500
"""Rows whose columns stand together: few, for zlib looks back 32 KiB only."""

_MICROSECOND = timedelta(microseconds=1)
_LOCAL_EPOCH = datetime(1970, 1, 1)
_EPOCH = _LOCAL_EPOCH.replace(tzinfo=UTC)


# Values that are numbers when they travel, each as its difference to the one before: what makes a number of one, and
# one of a number.
_NUMBERS: dict[str, tuple[Callable[[Any], int], Callable[[int], Any]]] = {
    "number": (int, int),
    "day": (date.toordinal, date.fromordinal),
    "local": (lambda at: (at - _LOCAL_EPOCH) // _MICROSECOND, lambda n: _LOCAL_EPOCH + n * _MICROSECOND),
    "instant": (lambda at: (at - _EPOCH) // _MICROSECOND, lambda n: _EPOCH + n * _MICROSECOND),
    "span": (lambda span: span // _MICROSECOND, lambda n: n * _MICROSECOND),
}
_LIST = " list"  # behind the kind of its values
# PostgreSQL's number of a type -> the kind; other values are JSON's own.
_OF_TYPE = {
    20: "number",  # bigint; smaller ones are no running numbers
    1082: "day",
    1083: "time",
    1114: "local",
    1115: "local" + _LIST,
    1184: "instant",
    1185: "instant" + _LIST,
    1186: "span",
}


class Packed:
    """Rows of a statement, on their way out."""

    def __init__(self, types: Sequence[int]) -> None:
        """Takes the columns' types, as psycopg2 has them in `cursor.description`."""
        self._kinds = [_OF_TYPE.get(each, "") for each in types]
        self._compress = zlib.compressobj()
        self._done: list[bytes] = []
        self.rows = 0
        self.size = 0
        """Bytes by now, about."""
        self._add(self._kinds)

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows, AT_ONCE at most."""
        self.rows += len(rows)
        self._add([_column(kind, values) for kind, values in zip(self._kinds, zip(*rows, strict=True), strict=True)])

    def text(self) -> str:
        """Give all of it, in ASCII; nothing can be added then."""
        self._done.append(self._compress.flush())
        return base64.b64encode(b"".join(self._done)).decode()

    def _add(self, document: object) -> None:
        line = json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n"
        self._done.append(self._compress.compress(line.encode()))
        self.size += len(self._done[-1])


def unpacked(text: str) -> Iterator[tuple[Any, ...]]:
    """Give the rows of `Packed.text`, the values as psycopg2 gives them; instants are UTC."""
    kinds, *parts = zlib.decompress(base64.b64decode(text)).split(b"\n")
    names = json.loads(kinds)
    for part in parts[:-1]:
        columns = [_values(kind, column) for kind, column in zip(names, json.loads(part), strict=True)]
        yield from zip(*columns, strict=True)


def _column(kind: str, values: Sequence[Any]) -> Any:
    if kind.endswith(_LIST):
        counts = [None if value is None else len(value) for value in values]
        return [counts, _column(kind.removesuffix(_LIST), list(chain.from_iterable(filter(None, values))))]
    if kind == "time":
        return [value and value.isoformat() for value in values]
    if kind not in _NUMBERS:
        return values
    number_of, _ = _NUMBERS[kind]
    numbers = [number_of(value) for value in values if value is not None]
    steps = [number - before for number, before in zip(numbers, [0, *numbers], strict=False)]
    unit = math.gcd(*steps) or 1  # times that are cut to the minute are minutes
    left = iter(steps)
    return [unit, [None if value is None else next(left) // unit for value in values]]


def _values(kind: str, column: Any) -> Sequence[Any]:
    if kind.endswith(_LIST):
        counts, all_values = column
        values = iter(_values(kind.removesuffix(_LIST), all_values))
        return [None if count is None else [next(values) for _ in range(count)] for count in counts]
    if kind == "time":
        return [value and time.fromisoformat(value) for value in column]
    if kind not in _NUMBERS:
        return list(column)
    _, value_of = _NUMBERS[kind]
    unit, steps = column
    numbers = accumulate(step * unit for step in steps if step is not None)
    return [None if step is None else value_of(next(numbers)) for step in steps]
