"""Transfer format of rows from the function `read` to its caller: column-wise, delta-encoded and zlib-compressed.

Repeated values, such as the employee id, take almost no space. Both sides use this module.
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
"""Number of rows that are packed together; small, because zlib's window is 32 KiB."""

_MICROSECOND = timedelta(microseconds=1)
_LOCAL_EPOCH = datetime(1970, 1, 1)
_EPOCH = _LOCAL_EPOCH.replace(tzinfo=UTC)


# Kinds of values that are delta-encoded, with the conversions to an integer and back. The names of the kinds are part
# of the format.
_DELTA_CODECS: dict[str, tuple[Callable[[Any], int], Callable[[int], Any]]] = {
    "number": (int, int),
    "day": (date.toordinal, date.fromordinal),
    "local": (lambda at: (at - _LOCAL_EPOCH) // _MICROSECOND, lambda n: _LOCAL_EPOCH + n * _MICROSECOND),
    "instant": (lambda at: (at - _EPOCH) // _MICROSECOND, lambda n: _EPOCH + n * _MICROSECOND),
    "span": (lambda span: span // _MICROSECOND, lambda n: n * _MICROSECOND),
}
_LIST_SUFFIX = " list"  # appended to the kind of an array's elements
# Kinds by type OID. Values of other types are sent as plain JSON.
_KIND_BY_TYPE_OID = {
    20: "number",  # bigint; smaller integers are not sequential numbers, so deltas would save nothing
    1082: "day",  # date
    1083: "time",  # time; not delta-encoded
    1114: "local",  # timestamp
    1115: "local" + _LIST_SUFFIX,
    1184: "instant",  # timestamptz
    1185: "instant" + _LIST_SUFFIX,
    1186: "span",  # interval
}


class PackedRows:
    """Rows of a statement, compressed as they are added."""

    def __init__(self) -> None:
        self._compress = zlib.compressobj()
        self._parts: list[bytes] = []
        self.row_count = 0

    @property
    def size(self) -> int:
        """Bytes produced so far, not counting zlib's buffer."""
        return sum(map(len, self._parts))

    def add(self, types: Sequence[int], rows: Sequence[Sequence[Any]]) -> None:
        """Add rows.

        Args:
            types: type OIDs of the columns, as in `cursor.description`.
            rows: at most MAX_CHUNK_ROWS rows. May be empty, to add only the column types.
        """
        kinds = [_KIND_BY_TYPE_OID.get(type_oid, "") for type_oid in types]
        if not self._parts:
            self._write(kinds)
        if rows:
            self.row_count += len(rows)
            self._write(list(map(_pack, kinds, zip(*rows, strict=True))))

    def to_text(self) -> str:
        """Return all rows as ASCII text. No more rows can be added afterwards."""
        return base64.b64encode(b"".join([*self._parts, self._compress.flush()])).decode()

    def _write(self, document: object) -> None:
        line = json.dumps(document, separators=(",", ":"), ensure_ascii=False, default=time.isoformat) + "\n"
        self._parts.append(self._compress.compress(line.encode()))


def unpack(text: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of `PackedRows.to_text`, with values like psycopg2's. Instants are in UTC."""
    lines = map(json.loads, zlib.decompress(base64.b64decode(text)).splitlines())
    kinds: list[str] = next(lines, [])
    for chunk in lines:
        yield from zip(*map(_unpack, kinds, chunk), strict=True)


def _pack(kind: str, values: Sequence[Any]) -> Any:
    if kind.endswith(_LIST_SUFFIX):
        counts = [None if value is None else len(value) for value in values]
        return [counts, _pack(kind.removesuffix(_LIST_SUFFIX), list(chain.from_iterable(filter(None, values))))]
    if kind not in _DELTA_CODECS:
        return values  # sent as plain JSON; `_write` serializes values of the kind "time"
    to_number, _ = _DELTA_CODECS[kind]
    numbers = [to_number(value) for value in values if value is not None]
    deltas = [number - previous for number, previous in zip(numbers, [0, *numbers], strict=False)]
    unit = math.gcd(*deltas) or 1  # one minute for timestamps that are truncated to the minute
    scaled = (delta // unit for delta in deltas)
    return [unit, [None if value is None else next(scaled) for value in values]]


def _unpack(kind: str, column: Any) -> Sequence[Any]:
    if kind.endswith(_LIST_SUFFIX):
        counts, all_values = column
        values = iter(_unpack(kind.removesuffix(_LIST_SUFFIX), all_values))
        return [None if count is None else [next(values) for _ in range(count)] for count in counts]
    if kind == "time":
        return [value and time.fromisoformat(value) for value in column]
    if kind not in _DELTA_CODECS:
        return list(column)
    _, to_value = _DELTA_CODECS[kind]
    unit, scaled = column
    numbers = accumulate(delta * unit for delta in scaled if delta is not None)
    return [None if delta is None else to_value(next(numbers)) for delta in scaled]
