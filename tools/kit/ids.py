"""Ids of punches, as clients create them."""

import time
from secrets import randbits
from uuid import UUID


def uuid7() -> str:
    """Return a UUIDv7 of RFC 9562: 48 bits of milliseconds since the epoch, then random bits."""
    bits = (time.time_ns() // 1_000_000) << 80 | randbits(80)
    return str(UUID(int=bits & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62))
