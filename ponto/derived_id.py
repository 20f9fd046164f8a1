"""Ids of punches that are sent without one, and of imported records: UUIDs of version 8, which no client may send.

`docs/derived-ids.md` specifies them, with test vectors.
"""

import hashlib
import re
from datetime import UTC, datetime, timedelta

# A local time of 1900 can be an instant of 1899: its offset is up to 14:59.
_BEGIN = datetime(1899, 12, 31, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_parse_source_key = re.compile("([0-9]{17})/([1-9][0-9]{0,8})").fullmatch


def derive_id(key: int | str, instant: datetime) -> str:
    """Return the id of a punch that came without one; every retry of it gets the same.

    In order of the instant, by milliseconds, so that the index of a growing table grows at its end.

    Args:
        key: the employee's number; of another event a number, or a text that UTF-8 can hold.
        instant: when it happened, in any zone, from 1899-12-31T00:00:00Z.

    Raises:
        ValueError: the instant is naive: it would silently be read in the machine's own time zone. Or it is earlier.
    """
    if instant.tzinfo is None:
        raise ValueError("a naive time is not an instant")
    utc = instant.astimezone(UTC)
    milliseconds = (utc - _BEGIN) // _MILLISECOND
    if milliseconds < 0:
        raise ValueError("an instant before 1899-12-31T00:00:00Z has no derived id")
    time = f"{milliseconds:012x}"
    name = f"{key}|{utc.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
    digest = hashlib.sha256(name.encode(), usedforsecurity=False).hexdigest()
    # By hand, as text: the module uuid would double the time of this function.
    variant = "89ab"[int(digest[4], 16) % 4]
    return f"{time[:8]}-{time[8:]}-8{digest[1:4]}-{variant}{digest[5:8]}-{digest[8:20]}"


class InvalidSourceKeyError(ValueError):
    """A text is not a source key."""


def derive_source_id(source_key: str) -> str:
    """Return the id of an imported record, which contains its source and number in decimal digits.

    Nothing is hashed, so no two records have one id. The first digit, `f`, is in no id of `derive_id`, whose times end
    long before. The ids of one source are in the order of its records.

    Args:
        source_key: `SOURCE/RECORD`, such as `00004000070000123/7`: the source's number, of 17 digits, and the number
            that the source gave the record, from 1 to 999999999.

    Raises:
        InvalidSourceKeyError: it is another text. The punch must not pass for another one of the same minute.
    """
    parts = _parse_source_key(source_key)
    if parts is None:
        raise InvalidSourceKeyError("must be SOURCE/RECORD: 17 digits, and a number from 1 to 999999999")
    source, record = parts.groups()
    return f"f{source[:7]}-{source[7:11]}-8{source[11:14]}-a{source[14:]}-{record:0>12}"
