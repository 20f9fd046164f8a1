"""Tests of reading files: the content of each line, and bounded memory."""

import csv
import gzip
import io
import json
import tracemalloc
from collections.abc import Callable
from typing import IO, Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ponto.drain.parser import InvalidPunchError, parse
from ponto.punch import EVENT
from slices.imports.file_formats import InvalidFileError
from slices.imports.lines import MAX_LINE_BYTES, FileLine, OnLine, read_lines
from tests.strategies import Body, edited_bodies, good_bodies
from tools.kit import event

ZONE = ZoneInfo("America/Sao_Paulo")
SUBJECT, INSTANT = (EVENT.fields[column].name for column in (EVENT.subject, EVENT.instant))


def line_of(**fields: object) -> bytes:
    return json.dumps(event.body(1, "2026-10-01T08:00", **fields)).encode()


GOOD = line_of()


def no_object(*_: object) -> bytes:
    """Fail, because no object of the bucket is needed."""
    raise AssertionError


def read(content: bytes, on_line: OnLine = lambda _: None, max_refused: int = 1_000_000) -> list[FileLine]:
    return list(read_lines(io.BytesIO(content), ZONE, no_object, on_line, max_refused))


def refusals(content: bytes) -> dict[int, str]:
    return {line.number: line.refusal for line in read(content) if line.refusal}


def test_invalid_lines_have_number_and_reason_but_no_value() -> None:
    content = b"\n".join(
        [
            b"\xef\xbb\xbf" + GOOD,
            b"",
            line_of(**{SUBJECT: "1, now()), (2"}),
            line_of(**{INSTANT: "2026-02-30T08:00"}),
            b'{"id": 1',
            line_of(nome="Ana"),
            line_of(**{"Maria 123.456.789-00": True}),
            b"\xff\xfe",
            b" " * MAX_LINE_BYTES + GOOD,
            b"id,nome",
            GOOD,
            "\u00a0".encode(),  # a no-break space is not blank
            GOOD.ljust(MAX_LINE_BYTES) + b"\r\rx",  # carriage returns alone are no line ends
        ]
    )
    assert refusals(content) == {
        3: f"{SUBJECT}: {EVENT.fields[EVENT.subject].kind.error}",
        4: f"{INSTANT}: must be a valid ISO 8601 date and time in the years 1900 to 2999, such as "
        "2026-10-01T08:00:00-03:00",
        5: "body: not JSON, character 8",
        6: "unknown field 'nome'",
        7: "unknown field, whose name is withheld because it is not 1 to 32 ASCII letters and underscores",
        8: "line: not UTF-8",
        9: "line: longer than 65536 bytes",
        10: "body: not JSON, character 0",
        12: "body: not JSON, character 0",
        13: "line: longer than 65536 bytes",
    }
    assert [line.number for line in read(content) if not line.refusal] == [1, 11]


@pytest.mark.parametrize(
    "size", [MAX_LINE_BYTES - 1, MAX_LINE_BYTES, MAX_LINE_BYTES + 1, MAX_LINE_BYTES + 2, MAX_LINE_BYTES + 3, 3_000_000]
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_maximum_length_of_a_line(size: int, end: bytes) -> None:
    long = GOOD[:-1].ljust(size - 1) + b"}"
    first, second = read(GOOD + b"\n" + long + end)[:2]
    assert bool(second.refusal) is (size > MAX_LINE_BYTES)
    assert first.refusal == ""


@pytest.mark.parametrize(
    "first",
    [
        b"123,2026-10-01T08:00",  # no header
        b"usuarioId",
        b"usuarioId,nome",
        b"usuarioId\r,ponto",
        b"\xff\xfe{",
        b"[1]",
        b"\x00",
        b"x" * (MAX_LINE_BYTES + 1),
    ],
)
def test_file_of_unknown_format_is_refused_without_quoting_it(first: bytes) -> None:
    with pytest.raises(
        InvalidFileError,
        match="line 2: neither a JSON object nor a CSV header, and no enabled slice reads this format; required",
    ) as caught:
        read(b"\n" + first + b"\n" + GOOD)
    assert "123" not in str(caught.value)
    assert "nome" not in str(caught.value)


@pytest.mark.parametrize(
    "spoil", [lambda data: data[:-9], lambda data: data[:-8] + b"\0" * 8, lambda data: data[:20] + b"\xff" * 20]
)
def test_corrupt_gzip_data_raises(spoil: Any) -> None:
    with pytest.raises(InvalidFileError, match="the gzip data is corrupt or incomplete"):
        read(spoil(gzip.compress((GOOD + b"\n") * 100)))


@settings(max_examples=20)
@given(st.lists(good_bodies() | edited_bodies(), max_size=5), st.booleans(), st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_lines_are_parsed_like_messages(bodies: list[Body], compressed: bool, end: str) -> None:
    texts = [json.dumps(body) for body in bodies]
    content = end.join(texts).encode()
    file_lines = read(gzip.compress(content) if compressed else content)
    assert [line.body or line.refusal for line in file_lines] == [_parse(text) for text in texts]


def _parse(text: str) -> str:
    try:
        parse(text, ZONE)
    except InvalidPunchError as error:
        return error.detail
    return text


@settings(max_examples=20)
@given(good_bodies())
def test_csv_and_json_give_the_same_punch(body: Body) -> None:
    # CSV has no empty strings, and spaces at the ends of a line are removed.
    fields = {name: value for name, value in body.items() if not isinstance(value, str) or value == value.strip() != ""}
    assume(all(field.name in fields for field in EVENT.fields.values() if field.required))
    cells = [json.dumps(value) if not isinstance(value, str) else value for value in fields.values()]
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows([list(fields), cells])
    (line,) = read(text.getvalue().encode())
    assert line.refusal == ""
    assert parse(line.body, ZONE) == parse(json.dumps(fields), ZONE)


class _LongStream(io.RawIOBase):
    """A stream of a punch and a long line of one repeated byte, which is never in memory as a whole."""

    def __init__(self, unit: bytes, size: int) -> None:
        self._unit, self._remaining = unit, size
        self._first = GOOD + b"\n"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part, self._first = self._first or self._unit * min(len(buffer), self._remaining), b""
        self._remaining -= len(part) if part[:1] == self._unit else 0
        buffer[: len(part)] = part
        return len(part)


@pytest.mark.parametrize("unit", [b"x", b" "])
def test_memory_is_bounded_and_each_mebibyte_of_a_long_line_is_reported(unit: bytes) -> None:
    numbers: list[int] = []
    stream = cast(IO[bytes], _LongStream(unit, 4_000_000))
    tracemalloc.start()
    try:
        file_lines = list(read_lines(stream, ZONE, no_object, numbers.append))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [line.refusal == "" for line in file_lines] == [True, False]
    assert numbers == [1, *[2] * 5]
    assert peak < 5_000_000


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_file_with_too_many_refused_lines_is_refused(pack: Callable[[bytes], bytes]) -> None:
    content = (GOOD + b"\n") * 20 + b"x\n" * 30
    assert len(read(pack(content), max_refused=10)) == 50
    with pytest.raises(InvalidFileError, match=r"line 51: .* by more than 10; reason for the last refusal: body: "):
        read(pack(content + b"x\n"), max_refused=10)
