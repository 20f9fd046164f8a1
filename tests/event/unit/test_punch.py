"""The rules for each field of a punch, and the messages about invalid values."""

import json
import re
import string
import traceback
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ponto.drain.parser import InvalidPunchError, Reason, parse
from ponto.punch import EVENT, Punch
from ponto.shared.derived_id import derive_id
from tests.strategies import BAD_VALUES, FIELDS, edited_bodies, good_bodies, json_values

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
BRT = timezone(timedelta(hours=-3))
GOOD = {"usuarioId": 123, "ponto": "2026-10-01T08:00:00-03:00"}
RULES = {field.name: field.kind.error for field in EVENT.fields_required_first}


def read(zone: tzinfo = SAO_PAULO, **fields: Any) -> Punch:
    return parse(json.dumps(GOOD | fields), zone)


def refusal(body: str) -> InvalidPunchError:
    with pytest.raises(InvalidPunchError) as caught:
        parse(body, SAO_PAULO)
    return caught.value


# Translation


def test_body_of_the_first_version_is_local_time_with_a_derived_id() -> None:
    punch = parse('{"usuarioId": 123, "ponto": "2020-10-05T08:00:00"}', SAO_PAULO)
    assert punch == Punch(
        id=derive_id(123, datetime(2020, 10, 5, 11, tzinfo=UTC)),
        usuario_id=123,
        ponto=datetime(2020, 10, 5, 11, tzinfo=UTC),
        **dict.fromkeys(("deslocamento", "dispositivo", "offline", "enviado", "latitude", "longitude", "precisao")),
    )


def test_full_body_is_translated_to_the_columns_of_the_table() -> None:
    body = {
        "id": "0199A0B1-C2D3-7E4F-8A5B-6C7D8E9F0A1B",
        "usuarioId": 123,
        "ponto": "2026-10-01T08:00:00.123456-03:00",
        "dispositivo": "relógio 7 😀",
        "offline": False,
        "enviado": "2026-10-01T11:30Z",
        "latitude": -23,
        "longitude": -46.625,
        "precisao": 12.5,
        "sequencia": 41,
    }
    punch = parse(json.dumps(body), SAO_PAULO)
    assert punch == Punch(
        id="0199a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b",
        usuario_id=123,
        ponto=datetime(2026, 10, 1, 8, 0, 0, 123456, tzinfo=BRT),
        deslocamento=-180,
        dispositivo="relógio 7 😀",
        offline=False,
        enviado=datetime(2026, 10, 1, 11, 30, tzinfo=UTC),
        latitude=-23.0,
        longitude=-46.625,
        precisao=12.5,
        sequencia=41,
    )
    assert isinstance(punch.latitude, float)


@pytest.mark.parametrize(
    ("text", "instant", "offset_minutes"),
    [
        ("2026-10-01T08:00", "2026-10-01T11:00:00+00:00", None),
        ("2026-10-01T08:00:30.5", "2026-10-01T11:00:30.500000+00:00", None),
        ("2026-10-01T08:00:30.000001Z", "2026-10-01T08:00:30.000001+00:00", 0),
        ("2026-10-01T08:00-00:00", "2026-10-01T08:00:00+00:00", 0),
        ("2026-10-01T08:00-03", "2026-10-01T11:00:00+00:00", -180),
        ("2026-10-01T08:00+0530", "2026-10-01T02:30:00+00:00", 330),
        ("2026-10-01T08:00-03:30", "2026-10-01T11:30:00+00:00", -210),
        ("1900-01-01T00:00+14:59", "1899-12-31T09:01:00+00:00", 899),
        ("2999-12-31T23:59:59.999999-14:59", "3000-01-01T14:58:59.999999+00:00", -899),
        ("2999-12-31T23:59:59.999999", "3000-01-01T02:59:59.999999+00:00", None),
    ],
)
def test_timestamp_becomes_an_instant_and_keeps_the_offset_sent(
    text: str, instant: str, offset_minutes: int | None
) -> None:
    punch = read(ponto=text, enviado=text)
    assert punch.ponto.astimezone(UTC).isoformat() == instant
    assert punch.deslocamento == offset_minutes
    assert punch.enviado == punch.ponto
    assert punch.id == derive_id(123, datetime.fromisoformat(instant))


@pytest.mark.parametrize(
    ("zone", "local", "utc"),
    [
        # Clocks went back at midnight: 23:30 occurred twice, and the second instant is used.
        ("America/Sao_Paulo", "2019-02-16T23:30", "2019-02-17T02:30:00+00:00"),
        # Clocks went forward at midnight: 00:30 did not occur, and is read with the offset before the change.
        ("America/Sao_Paulo", "2018-11-04T00:30", "2018-11-04T03:30:00+00:00"),
        ("America/New_York", "2026-03-08T02:30", "2026-03-08T07:30:00+00:00"),
        # Local mean time, 3:06:28 behind.
        ("America/Sao_Paulo", "1913-12-31T12:00", "1913-12-31T15:06:28+00:00"),
    ],
)
def test_local_time_that_occurs_twice_or_never_is_the_later_instant(zone: str, local: str, utc: str) -> None:
    assert read(ZoneInfo(zone), ponto=local).ponto.astimezone(UTC).isoformat() == utc


def test_last_value_of_a_repeated_key_is_used() -> None:
    assert parse('{"usuarioId": null, "ponto": "2026-10-01T08:00Z", "usuarioId": 7}', UTC).usuario_id == 7


# Refusals


@pytest.mark.parametrize("name", ["usuarioId", "ponto"])
def test_required_field_cannot_be_left_out(name: str) -> None:
    error = refusal(json.dumps({key: value for key, value in GOOD.items() if key != name}))
    assert (error.reason, error.detail) == (Reason.INVALID, f"{name}: required")


@pytest.mark.parametrize(
    ("name", "quoted_name"),
    [
        ("usuarioID", " 'usuarioID'"),
        ("_nome_", " '_nome_'"),
        ("x" * 32, f" '{'x' * 32}'"),
        *(
            (name, ", whose name is withheld because it is not 1 to 32 ASCII letters and underscores")
            for name in (
                *("", "usu\u00e1rio", "usuarioID\n", "\ud800", "x" * 33),
                *("Maria 123.456.789-00", "12345678900"),  # a value in place of a name
            )
        ),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_unknown_field_is_refused_by_name(name: str, quoted_name: str) -> None:
    error = refusal(json.dumps(GOOD | {name: 1}))
    assert (error.reason, error.detail) == (Reason.INVALID, f"unknown field{quoted_name}")


@pytest.mark.parametrize(("name", "values"), BAD_VALUES.items(), ids=BAD_VALUES)
def test_field_that_breaks_its_rule_is_refused_by_name_and_rule(name: str, values: list[Any]) -> None:
    for value in values:
        error = refusal(json.dumps(GOOD | {name: value}))
        assert str(error) == f"invalid: {name}: {RULES[name]}", value


def test_number_beyond_a_double_is_out_of_range() -> None:
    error = refusal('{"usuarioId": 1, "ponto": "2026-10-01T08:00Z", "precisao": 1e400}')
    assert error.detail == "precisao: must be a number from 0 to 20037508"


@given(edited_bodies() | json_values())
def test_detail_of_every_refusal_can_be_a_message_attribute(body: Any) -> None:
    with suppress(InvalidPunchError):
        parse(json.dumps(body), SAO_PAULO)
        return
    detail = refusal(json.dumps(body)).detail
    assert 1 <= len(detail) <= 200
    assert set(detail) <= set(string.printable[:95])


@pytest.mark.parametrize("name", FIELDS)
def test_refusal_never_quotes_what_was_sent(name: str) -> None:
    for value in ("Maria 5551234\n", 5551234555123455512345, ["Maria 5551234"], {"Maria 5551234": 5551234}):
        error = refusal(json.dumps(GOOD | {name: value}))
        assert not re.search("Maria|555", error.detail + "".join(traceback.format_exception(error)))


@pytest.mark.parametrize(
    "body",
    [
        "\ufeff\ufeff{}",
        '{"usuarioId": 5551, "latitude": NaN}',
        '{"usuarioId": ' + "5551" * 2000 + "}",
        '{"ponto": "5551\\x"}',
        json.dumps(GOOD | {"dispositivo": "5551\ud800"}),
    ],
    ids=lambda body: ascii(body)[:30],
)
def test_text_that_is_not_json_is_malformed_and_not_quoted(body: str) -> None:
    error = refusal(body)
    assert error.reason is Reason.MALFORMED
    assert "555" not in error.detail + "".join(traceback.format_exception(error))


def test_byte_order_mark_before_a_punch_is_ignored() -> None:
    assert parse("\ufeff" + json.dumps(GOOD), UTC) == parse(json.dumps(GOOD), UTC)


# Identity


@given(good_bodies())
def test_retry_of_the_same_body_is_the_same_punch(body: dict[str, Any]) -> None:
    reordered = dict(reversed(body.items()))
    assert parse(json.dumps(body), SAO_PAULO) == parse(json.dumps(reordered, indent=1), SAO_PAULO)


@given(good_bodies(), st.integers(-899, 899))
def test_same_instant_written_with_another_offset_is_the_same_punch(body: dict[str, Any], minutes: int) -> None:
    punch = parse(json.dumps(body), SAO_PAULO)
    rewritten = punch.ponto.astimezone(timezone(timedelta(minutes=minutes)))
    assume(1900 <= rewritten.year <= 2999)
    reparsed = parse(json.dumps(body | {"ponto": rewritten.isoformat()}), SAO_PAULO)
    assert reparsed.deslocamento == minutes
    assert reparsed._replace(deslocamento=punch.deslocamento) == punch
