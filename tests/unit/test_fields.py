"""Parsing of UUIDs that do not come from clients."""

import pytest

from ponto.fields import parse_any_uuid

ID = "0199a1f2-7c1e-8b52-9d1f-6b1f0a4c2d3e"


@pytest.mark.parametrize("text", [ID, ID.upper(), "00000000-0000-0000-0000-000000000000"])
def test_uuid_of_any_version_is_read_as_lower_case(text: str) -> None:
    assert parse_any_uuid(text) == text.lower()


@pytest.mark.parametrize("value", [ID[:-1], f"{{{ID}}}", ID.replace("-", ""), f"{ID}\n", f"{ID[:-1]}é", 1])
def test_other_forms_are_no_uuid(value: object) -> None:
    with pytest.raises(ValueError, match="not a UUID"):
        parse_any_uuid(value)
