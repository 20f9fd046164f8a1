"""Tests of the table of employees by CPF or PIS."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slices.clocks.document_table import parse_table
from slices.clocks.tests.clock_files import cpf, pis
from slices.employee_numbers import MAX_EMPLOYEE_ID, is_cpf, is_pis

HEADER = "documento;usuarioId\n"
tables = st.dictionaries(
    st.integers(1, 10**9 - 1).map(cpf).filter(is_cpf) | st.integers(1, 10**10 - 1).map(pis).filter(is_pis),
    st.integers(1, MAX_EMPLOYEE_ID),
)


@given(tables, st.sampled_from([";", ","]), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_table_round_trip(table: dict[str, int], separator: str, end: str, has_byte_order_mark: bool) -> None:
    rows = [("documento", "usuarioId"), *table.items()]
    text = end.join(f"{document}{separator}{employee_id}" for document, employee_id in rows)
    assert parse_table(text.encode("utf-8-sig" if has_byte_order_mark else "utf-8")) == (table, [])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"{cpf(1)}", "line 2: has 1 columns"),
        (f"{cpf(1)[1:]};5", "line 2, documento: has 10 of 11 digits"),
        ("123.456.789-09;5", "line 2, documento: is not 11 digits"),
        (f"{cpf(1)[:-1]}0;5", "line 2, documento: has the check digits of neither"),
        ("00000000000;5", "line 2, documento: has the check digits of neither"),
        (f"{cpf(1)};0", "line 2, usuarioId: is not a number"),
        (f"{cpf(1)};123.456.789-09", "line 2, usuarioId: is not a number"),
        (f"{cpf(1)};5\n{cpf(1)};6", "line 3, documento: is already on line 2"),
    ],
)
def test_faults_name_line_and_column_but_no_document(line: str, message: str) -> None:
    table, faults = parse_table((HEADER + line).encode())
    assert str(faults.first_faults[0]).startswith(message)
    assert table == ({cpf(1): 5} if "already" in message else {})
    assert "456" not in str(faults)


def test_first_faults_are_listed_and_all_are_counted() -> None:
    table, faults = parse_table((HEADER + "x\n" * 600 + "5;0\n" * 600 + f"{cpf(1)};5\n").encode())
    assert table == {cpf(1): 5}
    assert [len(faults.first_faults), faults.first_faults[0].line, faults.first_faults[-1].line] == [1_000, 2, 801]
    assert faults.describe_count() == "1,800 faults, the first 1,000 of which are listed"


@pytest.mark.parametrize("first", [f"{cpf(123_456_789)};5", "Maria 456;Ana", f'"{cpf(123_456_789)}', "Maria 456\tAna"])
def test_missing_header_is_not_quoted(first: str) -> None:
    table, faults = parse_table(f"{first}\n{cpf(1)};5\n".encode())
    assert table == {}
    assert str(faults.first_faults[0]).startswith(
        ("line 1: names none of the columns (expected columns:", "line 1: is not")
    )
    assert not re.search("456|maria|ana", str(faults), re.IGNORECASE)
