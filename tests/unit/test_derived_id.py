"""Ids derived for punches without an id, and for imported records, compared with docs/derived-ids.md."""

import json
import re
import subprocess
import uuid
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponto.shared.derived_id import InvalidSourceKeyError, derive_id, derive_source_id
from tests.documents import DERIVED_IDS, derived_id_code

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
BEGIN = datetime(1899, 12, 31, tzinfo=UTC)

employees = st.integers(1, 2**53 - 1)
zones = st.sampled_from([UTC, SAO_PAULO]) | st.builds(
    lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-899, 899)
)
# All instants that the schema admits, with any offset.
instants = st.datetimes(datetime(1900, 1, 1), datetime(2999, 12, 31, 23, 59, 59, 999999), timezones=zones)


def derived_ids(columns: str) -> list[tuple[str, ...]]:
    """Return the published ids, after the columns that this regular expression matches."""
    pattern = rf"^\| {columns} \| `([0-9a-f-]{{36}})` \|$"
    vectors = re.findall(pattern, DERIVED_IDS.read_text(encoding="utf-8"), re.MULTILINE)
    assert vectors
    return vectors


VECTORS = [(key.replace("\\|", "|"), instant, derived) for key, instant, derived in derived_ids(r"`(.+)` \| (\S+Z)")]


@pytest.mark.parametrize(("key", "instant", "derived"), VECTORS)
def test_python_derives_the_documents_ids(key: str, instant: str, derived: str) -> None:
    assert derive_id(key, datetime.fromisoformat(instant)) == derived


def test_javascript_derives_the_documents_ids() -> None:
    inputs = json.dumps([(key, instant) for key, instant, _ in VECTORS])
    script = (
        f"{derived_id_code('js')}\n"
        f"Promise.all({inputs}.map((input) => deriveId(...input))).then((ids) => console.log(JSON.stringify(ids)));"
    )

    printed = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True).stdout

    assert json.loads(printed) == [derived for *_, derived in VECTORS]


def test_derived_id_of_a_naive_time_or_before_the_minimum_is_refused() -> None:
    assert derive_id(1, BEGIN) == "00000000-0000-8a8b-ad4d-62e8c2d37b86"
    with pytest.raises(ValueError, match="before 1899-12-31"):
        derive_id(1, BEGIN - timedelta(microseconds=1))
    with pytest.raises(ValueError, match="naive"):
        derive_id(1, datetime(2026, 10, 1, 8))


@pytest.mark.parametrize(("source_key", "derived"), derived_ids(r"`(\d{17}/\d+)`"))
def test_python_derives_the_documents_ids_of_imported_records(source_key: str, derived: str) -> None:
    assert derive_source_id(source_key) == derived


@given(st.text("0123456789", min_size=17, max_size=17), st.integers(1, 999_999_998), employees, instants)
def test_id_of_an_imported_record_contains_its_source_key(
    source: str, record: int, employee: int, instant: datetime
) -> None:
    derived = derive_source_id(f"{source}/{record}")
    assert derived == str(uuid.UUID(derived))
    assert (uuid.UUID(derived).version, uuid.UUID(derived).variant) == (8, uuid.RFC_4122)
    digits = derived.replace("-", "")
    assert (digits[1:12] + digits[13:16] + digits[17:20], int(digits[20:])) == (source, record)
    assert derived[0] == "f" != derive_id(employee, instant)[0]


@pytest.mark.parametrize("record", ["", "/0", "/01", "/1000000000", "/1\n", "/\u0661", "0/1"])
def test_invalid_source_key_is_refused(record: str) -> None:
    with pytest.raises(InvalidSourceKeyError):
        derive_source_id(f"00004000070000123{record}")
