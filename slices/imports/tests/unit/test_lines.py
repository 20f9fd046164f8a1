"""Tests of reading files: the content and position of each line, resuming anywhere, and bounded memory."""

import csv
import gzip
import io
import json
import tracemalloc
from collections.abc import Iterable
from contextlib import suppress
from typing import IO, Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ponto.parser import InvalidPunchError, parse
from ponto.punch import EVENT
from slices.imports import file_formats
from slices.imports.example import csv_block
from slices.imports.file_formats import InvalidFileError
from slices.imports.lines import FileLine, inspect_file, read_lines
from slices.imports.raw_lines import FILE_START, MAX_LINE_BYTES, Position, RawLine, skip_blank_lines, split_lines
from tests.strategies import Body, edited_bodies, good_bodies
from tools.kit import event

ZONE = ZoneInfo("America/Sao_Paulo")
SUBJECT, INSTANT = (EVENT.fields[column].name for column in (EVENT.subject, EVENT.instant))


def line_of(**fields: object) -> bytes:
    return json.dumps(event.body(1, "2026-10-01T08:00", **fields)).encode()


GOOD = line_of()


class StoredFile:
    """A stored file, and the offsets at which it was opened."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.opened: list[int] = []

    def open_at(self, offset: int) -> IO[bytes]:
        self.opened.append(offset)
        return io.BytesIO(self.content[offset:])


def read(content: bytes, start: Position = FILE_START) -> list[FileLine]:
    return without_heartbeats(read_lines(StoredFile(content).open_at, ZONE, start))


def without_heartbeats(file_lines: Iterable[FileLine]) -> list[FileLine]:
    """Return the lines without heartbeats."""
    return [line for line in file_lines if line.body or line.refusal]


def refusals(content: bytes) -> dict[int, str]:
    return {line.number: line.refusal for line in read(content) if line.refusal}


def test_punch_is_read_unchanged() -> None:
    (line,) = read(b"  " + GOOD + b" \r\n")
    assert line == FileLine(1, Position(len(GOOD) + 5, 2), GOOD.decode(), 1)


def test_empty_file_has_no_lines() -> None:
    assert read(b"") == read(b"\n \r\n") == read(gzip.compress(b"")) == []


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
        3: f"{SUBJECT}: must be an integer from 1 to 9007199254740991",
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
    assert second.end == Position(len(GOOD) + 1 + size + len(end), 3)
    assert first.refusal == ""


def test_example_of_the_readme_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    body = {name: value for name, value in EVENT.examples[-1].items() if value != ""}
    monkeypatch.setattr(EVENT, "examples", ({**body, "unset": ""},))
    _, *lines, _ = csv_block().split("\n")

    (line,) = read("\n".join(lines).encode())

    assert json.loads(line.body) == body


# only in the reference: begin
HEADER = b"usuarioId,ponto,dispositivo,offline,latitude\n"


def test_csv_with_semicolons_and_byte_order_mark_is_read() -> None:
    (line,) = read(b"\xef\xbb\xbfponto;usuarioId\r\n2026-10-01T08:00;7\r\n")
    assert (line.number, line.employee_id) == (2, 7)
    content = HEADER + b'7,2026-10-01T08:00,"gate ""1"", north",true,-23.5\n8,2026-10-01T09:00,,,\n'
    assert [json.loads(line.body) for line in read(content)] == [
        {
            "usuarioId": 7,
            "ponto": "2026-10-01T08:00",
            "dispositivo": 'gate "1", north',
            "offline": True,
            "latitude": -23.5,
        },
        {"usuarioId": 8, "ponto": "2026-10-01T09:00"},
    ]


def test_spaces_count_inside_a_csv_line_but_not_around_it() -> None:
    content = HEADER + b"\n".join(
        [
            b" \t7,2026-10-01T08:00, gate 1 ,true,-23.5 \t",
            b"7 ,2026-10-01T08:00,,,",
            b"7, 2026-10-01T08:00,,,",
            b"7,2026-10-01T08:00,, true,",
            b'7,2026-10-01T08:00,"gate" ,,',
        ]
    )

    (good,) = [json.loads(line.body) for line in read(content) if line.body]
    assert (good["usuarioId"], good["dispositivo"], good["latitude"]) == (7, " gate 1 ", -23.5)
    assert {number: reason.partition(":")[0] for number, reason in refusals(content).items()} == {
        3: "usuarioId", 4: "ponto", 5: "offline", 6: "line"
    }  # fmt: skip


def test_invalid_csv_lines() -> None:
    content = HEADER + b"\n".join(
        [
            b"x,2026-10-01T08:00,,,",
            b"1,2026-10-01T08:00,,yes,",
            b"1,2026-10-01T08:00,,",
            b'1,"2026',
            b"1,,,,",
            b"1,2026-10-01T08:00,,,1e999",
        ]
    )
    assert refusals(content) == {
        2: "usuarioId: must be an integer from 1 to 9007199254740991",
        3: "offline: must be true or false",
        4: "line: 4 cells, but the header has 5",
        5: "line: not CSV",
        6: "ponto: required",
        7: "latitude: must be a number from -90 to 90",
    }


# only in the reference: end


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


def test_format_of_a_disabled_slice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_formats, "available_formats", tuple)
    stored = StoredFile(b"00000000011" + b"0" * 221 + b"\r\n")
    assert inspect_file(stored.open_at, lambda _: None) is None
    with pytest.raises(InvalidFileError, match=r"line 1: neither .*, and no enabled slice reads this format"):
        list(read_lines(stored.open_at, ZONE))


# only in the reference: begin
@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"usuarioId,nome,ponto", "line 1: unknown column 'nome'; required columns"),
        (
            b"ponto;usuarioId;CPF 123;x",
            "line 1: unknown column, whose name is withheld because it is not 1 to 32 ASCII letters and underscores;",
        ),
        (b"usuarioId,ponto,ponto", "line 1: column 'ponto' appears twice;"),
        (b"usuarioId,ponto,", "unknown column, whose"),
    ],
)
def test_invalid_column_in_header_is_named(header: bytes, message: str) -> None:
    with pytest.raises(InvalidFileError, match="required columns: usuarioId, ponto; optional: id, ") as caught:
        read(header + b"\n" + GOOD)
    assert message in str(caught.value)
    assert "123" not in str(caught.value)


# only in the reference: end


@pytest.mark.parametrize(
    "spoil", [lambda data: data[:-9], lambda data: data[:-8] + b"\0" * 8, lambda data: data[:20] + b"\xff" * 20]
)
def test_corrupt_gzip_data_raises(spoil: Any) -> None:
    with pytest.raises(InvalidFileError, match="the gzip data is corrupt or incomplete"):
        read(spoil(gzip.compress((GOOD + b"\n") * 100)))


def test_concatenated_gzip_members_are_read() -> None:
    assert len(read(gzip.compress(GOOD + b"\n") + gzip.compress(GOOD))) == 2


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


@settings(max_examples=30)
@given(st.data())
@pytest.mark.parametrize("is_csv", [False, True])
@pytest.mark.parametrize("compressed", [False, True])
def test_reading_may_resume_after_any_line(is_csv: bool, compressed: bool, data: st.DataObject) -> None:
    body = event.body(1, "2026-10-01T08:00")
    first, good = (",".join(map(str, cells)).encode() for cells in (body, body.values())) if is_csv else (GOOD, GOOD)
    parts = st.lists(st.sampled_from([good, b"", b"bad", b" ", b"\xc3\xa9"]), max_size=8)
    content = b"\n".join([first, *data.draw(parts)])
    stored = StoredFile(gzip.compress(content) if compressed else content)
    all_lines = list(read_lines(stored.open_at, ZONE))
    for index, line in enumerate(all_lines):
        assert without_heartbeats(read_lines(stored.open_at, ZONE, line.end)) == without_heartbeats(
            all_lines[index + 1 :]
        )


def test_uncompressed_file_is_not_read_twice() -> None:
    stored = StoredFile((GOOD + b"\n") * 1_000)
    start = Position(900 * (len(GOOD) + 1), 901)
    assert len(list(read_lines(stored.open_at, ZONE, start))) == 100
    assert stored.opened == [0, start.offset]


class _LongStream(io.RawIOBase):
    """A stream of a punch and a repeated unit, which is never in memory as a whole."""

    def __init__(self, unit: bytes, size: int) -> None:
        self._unit = unit * (65_536 // len(unit))
        self._parts = size // len(self._unit)
        self._next = GOOD + b"\n"

    def read(self, size: int = -1) -> bytes:
        part, self._next = self._next, self._unit if self._parts > 0 else b""
        self._parts -= 1
        assert len(part) <= size
        return part


@pytest.mark.parametrize("unit", [b"x", b" "])
def test_memory_is_bounded(unit: bytes) -> None:
    tracemalloc.start()
    try:
        file_lines = without_heartbeats(read_lines(lambda _: cast(IO[bytes], _LongStream(unit, 2_000_000)), ZONE))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(file_lines) == 2
    assert peak < 5_000_000


_MIB = 1 << 20


@pytest.mark.parametrize("blank", [b"\n", b" \t\r\n", b" " * 63 + b"\n"])
@pytest.mark.parametrize("start", [FILE_START, Position(len(GOOD) + 1, 2)], ids=["from the start", "resumed"])
def test_file_with_too_many_blank_lines_is_refused(blank: bytes, start: Position) -> None:
    limit = 1 << 16  # test_uploads.py has a case with the actual limit
    content = GOOD + b"\n" + blank * (2 * limit // len(blank))
    line = 2 + (limit + len(GOOD) + 1) // len(blank)
    with pytest.raises(
        InvalidFileError, match=f"line {line}: blank lines exceed other lines by more than {limit:,} bytes"
    ):
        read_not_blank(content, limit, start)


def read_not_blank(content: bytes, max_blank_bytes: int, start: Position = FILE_START) -> list[RawLine | Position]:
    """Return the lines of content that are not blank."""
    raw_lines = split_lines(io.BytesIO(content[start.offset :]), start)
    return list(skip_blank_lines(raw_lines, start, max_blank_bytes))


def test_file_may_have_as_many_bytes_of_blank_lines_as_of_punches() -> None:
    limit = 1_000
    content = (b"\n" * len(GOOD) + GOOD + b"\n") * limit
    assert len(read_not_blank(content, limit)) == limit
    # The limit is for the whole file: each punch so far is one byte longer than the blank lines before it.
    assert len(read_not_blank(content + b"\n" * 2 * limit + GOOD, limit)) == limit + 1
    with pytest.raises(InvalidFileError, match=f"line {(len(GOOD) + 3) * limit + 1}: blank lines"):
        read_not_blank(content + b"\n" * (2 * limit + 1) + GOOD, limit)


def test_long_line_counts_with_its_full_length_also_after_resuming() -> None:
    blank = b" " * 1_023 + b"\n"
    content = GOOD + b"\n" + b"x" * 4 * _MIB + b"\n" + blank * 3 * 1_024 + GOOD
    all_lines = read(content)
    assert [line.refusal == "" for line in all_lines] == [True, False, True]
    assert without_heartbeats(read_lines(StoredFile(content).open_at, ZONE, all_lines[1].end)) == without_heartbeats(
        all_lines[2:]
    )


@pytest.mark.parametrize("compressed", [False, True])
def test_file_with_too_many_refused_lines_is_refused(*, compressed: bool) -> None:
    limit = 1_000

    def read_as_stored(content: bytes) -> list[FileLine]:
        stored = StoredFile(gzip.compress(content) if compressed else content)
        return list(read_lines(stored.open_at, ZONE, max_refused=limit))

    content = (GOOD + b"\n") * 2 * limit + b"x\n" * 3 * limit
    assert len(read_as_stored(content)) == 5 * limit  # refused lines exceed punches by the limit
    with pytest.raises(
        InvalidFileError, match=r"line 5001: .* by more than 1,000; reason for the last refusal: body: "
    ):
        read_as_stored(content + b"x\n")


@pytest.mark.parametrize(
    ("first", "unit", "start"),
    [
        (GOOD, b"x", FILE_START),
        (GOOD, b" ", FILE_START),
        (b"", b"x", FILE_START),
        (GOOD, b"x", Position(8 * _MIB, 3)),
    ],
    ids=["long line", "long blank line", "long first line", "before the start"],
)
def test_heartbeat_for_each_mebibyte_of_long_lines(first: bytes, unit: bytes, start: Position) -> None:
    # The gzipped content has a few kilobytes; a file may hold a thousand times as much.
    content = first + b"\n" + unit * (8 * _MIB // len(unit))
    file_lines = []
    with suppress(InvalidFileError):  # the long first line has no known format
        for line in read_lines(StoredFile(gzip.compress(content, compresslevel=1)).open_at, ZONE, start):
            file_lines.append(line)
    assert len(file_lines) >= 8
    assert len(without_heartbeats(file_lines)) <= 2
    assert all(start <= line.end <= (len(content), len(content)) for line in file_lines)


def test_reading_may_resume_at_heartbeats_of_blank_lines() -> None:
    before = GOOD + b"\n" + (b"x" * 1_023 + b"\n") * 4 * 1_024
    stored = StoredFile(before + (b" " * 1_023 + b"\n") * 4 * 1_024 + GOOD)

    file_lines = list(read_lines(stored.open_at, ZONE))

    positions = [line.end for line in file_lines if line.is_heartbeat]
    assert [position.offset - len(before) for position in positions] == [_MIB, 2 * _MIB, 3 * _MIB, 4 * _MIB]
    assert without_heartbeats(read_lines(stored.open_at, ZONE, positions[1])) == file_lines[-1:]
