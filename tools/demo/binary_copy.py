"""Made-up punches in the binary format of PostgreSQL's COPY.

Of a row, every field is a length and so many bytes; of a null the length is -1 and there are no bytes:
https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS-BINARY
All rows are written at the width of the longest, at once, and then what nulls leave empty is cut out.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from ponto.punch import Punch
from tools.demo.company import NONE, PHONE, ROW, Rows

_ALL = (*Punch._fields, "recebida_em", "gravada_em", "mensagem_id")
COLUMNS = tuple(name for name in _ALL if name in (ROW.names or ()))
"""What `encode` writes, in this order. A field for which the company has nothing is null."""

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # no flags, no extension
_TRAILER = b"\xff\xff"
_EPOCH = 946_684_800 * 1_000_000  # PostgreSQL counts from 2000

_INSTANTS = ("ponto", "enviado", "recebida_em", "gravada_em")
_BYTES = {"id": "S16", "dispositivo": "S15", "mensagem_id": "S36"}
_NUMBERS = [name for name in COLUMNS if name not in (*_INSTANTS, *_BYTES)]
_FORMATS = {name: ROW[name].newbyteorder(">") for name in COLUMNS} | _BYTES
_LAYOUT = np.dtype(
    [("fields", ">i2")] + [part for name in COLUMNS for part in ((f"{name}_length", ">i4"), (name, _FORMATS[name]))]
)
_ENDS = np.cumsum([_LAYOUT[name].itemsize for name in _LAYOUT.names or ()]).tolist()
_PLACES = {name: slice(end - _LAYOUT[name].itemsize, end) for name, end in zip(_LAYOUT.names or (), _ENDS, strict=True)}

_HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), np.uint8).reshape(256, 2)
_DASHES = [8, 13, 18, 23]  # in the text of a UUID


def encode(chunks: Iterable[Rows]) -> Iterator[bytes]:
    """Encode punches, a chunk at a time, for `copy batida (COLUMNS) from stdin (format binary)`."""
    yield _HEADER
    for rows in chunks:
        yield _encode(rows)
    yield _TRAILER


def _encode(rows: Rows) -> bytes:
    out = np.zeros(len(rows), _LAYOUT)
    out["fields"] = len(COLUMNS)
    for name in COLUMNS:
        out[f"{name}_length"] = _LAYOUT[name].itemsize
    for name in _NUMBERS:
        out[name] = rows[name]
    for name in _INSTANTS:
        out[name] = rows[name] - _EPOCH
    octets = out.view(np.uint8).reshape(len(rows), _LAYOUT.itemsize)
    _bytes(octets, "id")[:] = rows["id"]
    _bytes(octets, "dispositivo")[:] = _devices(rows)
    _bytes(octets, "mensagem_id")[:] = _uuid_texts(rows["mensagem_id"])

    kept = np.ones(octets.shape, np.bool_)
    for name in Punch._field_defaults.keys() & COLUMNS:
        null = np.isnan(rows[name]) if rows[name].dtype.kind == "f" else rows[name] == NONE
        out[f"{name}_length"][null] = -1
        kept[null, _PLACES[name]] = False
    return octets[kept].tobytes()


def _bytes(octets: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    return octets[:, _PLACES[name]]


def _devices(rows: Rows) -> NDArray[np.uint8]:
    """Name the devices: terminal-000007 for number 7, celular-1000001 for the phone of that employee."""
    terminal = rows["dispositivo"]
    texts = np.empty((len(rows), 15), np.uint8)
    is_phone = terminal == PHONE
    for name, chosen, numbers in (
        (b"terminal-", ~is_phone, terminal),
        (b"celular-", is_phone, rows["usuario_id"]),
    ):
        digits = 15 - len(name)
        texts[chosen, : len(name)] = np.frombuffer(name, np.uint8)
        powers = 10 ** np.arange(digits - 1, -1, -1)
        texts[chosen, len(name) :] = numbers[chosen, None] // powers % 10 + ord("0")
    return texts


def _uuid_texts(uuids: NDArray[np.uint8]) -> NDArray[np.uint8]:
    texts = np.full((len(uuids), 36), ord("-"), np.uint8)
    texts[:, np.delete(np.arange(36), _DASHES)] = _HEX[uuids].reshape(len(uuids), 32)
    return texts
