"""Rows on their way from the function `read` to its caller: compressed columns of differences between rows.

Values that repeat, such as the employee's number, take almost no room. Both ends use this module.
"""

import base64
import json
import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate, chain
from typing import Any

MAX_CHUNK_ROWS = 500
"""Rows that are packed together: few, for zlib looks back 32 KiB only."""

_MICROSECOND = timedelta(microseconds=1)
_LOCAL_EPOCH = datetime(1970, 1, 1)
_EPOCH = _LOCAL_EPOCH.replace(tzinfo=UTC)


# Kinds of values that travel as numbers, each as its difference to the one before: conversions to a number and back.
_NUMBERS: dict[str, tuple[Callable[[Any], int], Callable[[int], Any]]] = {
    "number": (int, int),
    "day": (date.toordinal, date.fromordinal),
    "local": (lambda at: (at - _LOCAL_EPOCH) // _MICROSECOND, lambda n: _LOCAL_EPOCH + n * _MICROSECOND),
    "instant": (lambda at: (at - _EPOCH) // _MICROSECOND, lambda n: _EPOCH + n * _MICROSECOND),
    "span": (lambda span: span // _MICROSECOND, lambda n: n * _MICROSECOND),
}
_LIST = " list"  # after the kind of its values
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


class PackedRows:
    """Rows of a statement, compressed as they are added."""

    def __init__(self) -> None:
        self._compress = zlib.compressobj()
        self._parts: list[bytes] = []
        self.rows = 0

    @property
    def size(self) -> int:
        """Bytes by now, without those that zlib holds back."""
        return sum(map(len, self._parts))

    def add(self, types: Sequence[int], rows: Sequence[Sequence[Any]]) -> None:
        """Add rows, MAX_CHUNK_ROWS at most, or none, with their columns' types as in `cursor.description`."""
        kinds = [_OF_TYPE.get(each, "") for each in types]
        if not self._parts:
            self._write(kinds)
        if rows:
            self.rows += len(rows)
            self._write(list(map(_pack, kinds, zip(*rows, strict=True))))

    def to_text(self) -> str:
        """Return all rows, in ASCII; none can be added after that."""
        return base64.b64encode(b"".join([*self._parts, self._compress.flush()])).decode()

    def _write(self, document: object) -> None:
        line = json.dumps(document, separators=(",", ":"), ensure_ascii=False, default=time.isoformat) + "\n"
        self._parts.append(self._compress.compress(line.encode()))


def unpack(text: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of `PackedRows.to_text`, with values as psycopg2 has them; instants are UTC."""
    lines = map(json.loads, zlib.decompress(base64.b64decode(text)).splitlines())
    kinds: list[str] = next(lines, [])
    for chunk in lines:
        yield from zip(*map(_unpack, kinds, chunk), strict=True)


def _pack(kind: str, values: Sequence[Any]) -> Any:
    if kind.endswith(_LIST):
        counts = [None if value is None else len(value) for value in values]
        return [counts, _pack(kind.removesuffix(_LIST), list(chain.from_iterable(filter(None, values))))]
    if kind not in _NUMBERS:
        return values  # as JSON has them; of `time` see `_write`
    to_number, _ = _NUMBERS[kind]
    numbers = [to_number(value) for value in values if value is not None]
    steps = [number - before for number, before in zip(numbers, [0, *numbers], strict=False)]
    unit = math.gcd(*steps) or 1  # times that are cut to the minute are minutes
    units = (step // unit for step in steps)
    return [unit, [None if value is None else next(units) for value in values]]


def _unpack(kind: str, column: Any) -> Sequence[Any]:
    if kind.endswith(_LIST):
        counts, all_values = column
        values = iter(_unpack(kind.removesuffix(_LIST), all_values))
        return [None if count is None else [next(values) for _ in range(count)] for count in counts]
    if kind == "time":
        return [value and time.fromisoformat(value) for value in column]
    if kind not in _NUMBERS:
        return list(column)
    _, to_value = _NUMBERS[kind]
    unit, steps = column
    numbers = accumulate(step * unit for step in steps if step is not None)
    return [None if step is None else to_value(next(numbers)) for step in steps]
