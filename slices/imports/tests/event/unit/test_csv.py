"""Tests of reading CSV files with columns of punches."""

import io
import json
from zoneinfo import ZoneInfo

from slices.imports.lines import FileLine, read_lines

HEADER = b"usuarioId,ponto,dispositivo,offline,latitude\n"


def read(content: bytes) -> list[FileLine]:
    return list(
        read_lines(io.BytesIO(content), ZoneInfo("America/Sao_Paulo"), lambda *_: b"", lambda _: None, 1_000_000)
    )


def refusals(content: bytes) -> dict[int, str]:
    return {line.number: line.refusal for line in read(content) if line.refusal}


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
