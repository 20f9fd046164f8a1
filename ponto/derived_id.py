"""The ids of punches that come without one: UUIDv8s, which no client may send.

`docs/derived-ids.md` says how to compute it elsewhere, with test vectors.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

# A local time of 1900 can be an instant of 1899: its offset is up to 14:59.
_BEGIN = datetime(1899, 12, 31, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def derive_id(key: int | str, instant: datetime) -> str:
    """Give a punch that came without an id the one that every retry of it will get.

    In order of the instant, by milliseconds, so that the index of a growing table grows at its end.

    Args:
        key: whose it is: the employee's number; of another event a number, or a text that UTF-8 can hold.
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


class ClockRecord(NamedTuple):
    """A record that a hardware clock keeps."""

    relogio: str  # the clock's number: 17 digits
    nsr: int  # the clock's number of the record, from 1 to 999999999


def derive_clock_id(record: ClockRecord) -> str:
    """Give a punch of a hardware clock its id, which says the clock and the record in decimal digits.

    Nothing is hashed, so that no two records have one id. The first digit, `f`, is in no id of `derive_id`, whose times
    end long before. Each clock's ids are in the order of its records.
    """
    clock = record.relogio
    return f"f{clock[:7]}-{clock[7:11]}-8{clock[11:14]}-a{clock[14:]}-{record.nsr:012}"
