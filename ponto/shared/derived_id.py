"""Derived ids, for punches that are sent without an id and for imported records: UUIDs of version 8.

Clients cannot send ids of this version. `docs/derived-ids.md` specifies derived ids, with test vectors.
"""

import hashlib
import re
from datetime import UTC, datetime, timedelta

# The earliest accepted local time, 1900-01-01T00:00, can be in 1899 in UTC: offsets go up to 14:59.
_EPOCH = datetime(1899, 12, 31, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_match_source_key = re.compile("([0-9]{17})/([1-9][0-9]{0,8})").fullmatch


def derive_id(key: int | str, instant: datetime) -> str:
    """Return the id of a punch that was sent without one. Every retry of the punch gets the same id.

    Ids sort by instant, to the millisecond, so that inserts append to the index.

    Args:
        key: the employee id, or the text of several values that together identify the punch at its instant, without
            lone surrogates.
        instant: time of the punch, with any offset, not before 1899-12-31T00:00:00Z.

    Raises:
        ValueError: the instant is too early, or has no time zone, so that Python would use the machine's.
    """
    if instant.tzinfo is None:
        raise ValueError("the instant is naive: it has no time zone")
    utc = instant.astimezone(UTC)
    milliseconds = (utc - _EPOCH) // _MILLISECOND
    if milliseconds < 0:
        raise ValueError("the instant is before 1899-12-31T00:00:00Z")
    time_hex = f"{milliseconds:012x}"
    name = f"{key}|{utc.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
    digest = hashlib.sha256(name.encode(), usedforsecurity=False).hexdigest()
    # Formatted by hand because the module uuid would double the duration of this function.
    variant = "89ab"[int(digest[4], 16) % 4]
    return f"{time_hex[:8]}-{time_hex[8:]}-8{digest[1:4]}-{variant}{digest[5:8]}-{digest[8:20]}"


class InvalidSourceKeyError(ValueError):
    """The text is not a source key."""


def derive_source_id(source_key: str) -> str:
    """Return the id of an imported record. The id contains the record's source and number in decimal digits.

    Nothing is hashed, so different records have different ids. The ids of one source sort by record number. They begin
    with `f`, and so differ from the ids of `derive_id`, which begin with much smaller timestamps.

    Args:
        source_key: `SOURCE/RECORD`, such as `00004000070000123/7`: the 17 digits of the source's number, and the number
            that the source gave the record, from 1 to 999999999.

    Raises:
        InvalidSourceKeyError: the text has another format. `derive_id` is no substitute: it returns the same id for two
            records that agree in key and instant.
    """
    parts = _match_source_key(source_key)
    if parts is None:
        raise InvalidSourceKeyError("must be SOURCE/RECORD: 17 digits, a slash, and a number from 1 to 999999999")
    source, record = parts.groups()
    return f"f{source[:7]}-{source[7:11]}-8{source[11:14]}-a{source[14:]}-{record:0>12}"
