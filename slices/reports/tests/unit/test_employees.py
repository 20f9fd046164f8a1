"""The parser of the file of employees."""

import csv
import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slices.employee_numbers import MAX_EMPLOYEE_ID, cpf_check_digits, is_cpf
from slices.reports.load.employees import COLUMNS, Employee, parse_employees

ZONES = {"America/Sao_Paulo", "America/Rio_Branco", "UTC"}
HEADER = "usuario_id,nome,cpf,fuso,corte\n"
ANA = Employee(1, "Ana Exemplo", "12345678909", "America/Sao_Paulo", "12:00")


def parse_faults(text: str) -> list[str]:
    """Return the faults of lines below the header."""
    employees, faults = parse_employees((HEADER + text).encode(), ZONES)
    assert faults
    assert not employees
    return [str(fault) for fault in faults.first_faults]


# Accepted files


_BIDIRECTIONAL = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_CHARACTERS = st.characters(
    codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters=_BIDIRECTIONAL
)
_names = st.text(_CHARACTERS, max_size=200).map(str.strip).filter(bool)
_cpfs = st.integers(0, 10**9 - 1).map(lambda number: f"{number:09}").map(lambda nine: nine + cpf_check_digits(nine))
_employees = st.builds(
    Employee,
    usuario_id=st.integers(1, MAX_EMPLOYEE_ID),
    nome=_names,
    cpf=st.none() | _cpfs.filter(is_cpf),
    fuso=st.none() | st.sampled_from(sorted(ZONES)),
    corte=st.none() | st.times().map(lambda time: f"{time:%H:%M}"),
)


@given(
    st.lists(_employees, unique_by=lambda employee: employee.usuario_id),
    st.sampled_from(",;"),
    st.sampled_from(["utf-8", "utf-8-sig"]),
    st.permutations(COLUMNS),
)
def test_written_file_is_parsed_back(
    employees: list[Employee], separator: str, encoding: str, columns: Sequence[str]
) -> None:
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, delimiter=separator)
    writer.writeheader()
    writer.writerows(employee._asdict() for employee in employees)
    assert parse_employees(file.getvalue().encode(encoding), ZONES) == (employees, [])


@given(st.binary() | st.text().map(lambda text: (HEADER + text).encode("utf-8", "replace")))
def test_any_bytes_are_parsed_to_employees_or_faults(content: bytes) -> None:
    employees, faults = parse_employees(content, ZONES)
    assert all(fault.line > 0 and fault.what.isprintable() for fault in faults.first_faults)
    assert len({employee.usuario_id for employee in employees}) == len(employees)


# Faults


def test_every_fault_is_reported_with_line_and_column() -> None:
    assert parse_faults(
        "0,,1,Brasil,24:00\n"
        "\n"
        '1,"two\nlines",12345678900,UTC,4:00\n'
        "1,Bia,00000000000,GMT+3,12h\n"
        "1,Caio\n"
        "x,Davi,1234567890,,,\n"
        "x,Davi,1234567890,,\n"
    ) == [
        f"line 2, usuario_id: '0' is not a number from 1 to {MAX_EMPLOYEE_ID}",
        "line 2, nome: is empty",
        "line 2, cpf: is not 11 digits like 12345678909 or 123.456.789-09",
        "line 2, fuso: 'Brasil' is not a time zone like America/Sao_Paulo",
        "line 2, corte: '24:00' is not a time like 04:00",
        "line 4, nome: has a line break or another control character",
        "line 4, cpf: has wrong check digits",
        "line 4, corte: '4:00' is not a time like 04:00",
        "line 6, usuario_id: is on line 4 already",
        "line 6, cpf: has wrong check digits",
        "line 6, fuso: 'GMT+3' is not a time zone like America/Sao_Paulo",
        "line 6, corte: '12h' is not a time like 04:00",
        "line 7: has 2 columns instead of 5",
        "line 8: has 6 columns instead of 5",
        f"line 9, usuario_id: 'x' is not a number from 1 to {MAX_EMPLOYEE_ID}",
        "line 9, cpf: has 10 of 11 digits; the spreadsheet may have removed leading zeros",
    ]


@pytest.mark.parametrize("number", ["-1", "\u0661", str(MAX_EMPLOYEE_ID + 1), "9" * 5000])
def test_a_number_out_of_range_is_refused(number: str) -> None:
    assert "is not a number from 1 to" in parse_faults(f"{number},Ana,,,\n")[0]


def test_a_name_of_more_than_200_characters_is_refused() -> None:
    assert parse_employees(f"{HEADER}1,{'é' * 200},,,\n".encode(), ZONES)[1] == []
    assert parse_faults(f"1,{'é' * 201},,,\n") == ["line 2, nome: has 201 characters, more than 200"]


def test_name_with_bidirectional_control_is_refused() -> None:
    (fault,) = parse_faults("1,Ana \u202e9 oluaP,,,\n")  # displayed as Ana Paulo 9
    assert "bidirectional control, U+202E" in fault


@pytest.mark.parametrize(
    ("cpf", "is_valid"),
    [
        ("12345678909", True),  # 1*10 + ... + 9*2 = 210, remainder 1: 0; 1*11 + ... + 9*3 + 0*2 = 255, remainder 2: 9
        ("00000000191", True),
        ("02202200002", True),
        ("12345678919", False),
        ("12345678908", False),
        ("11111111111", False),  # valid check digits, but not a valid CPF
    ],
)
def test_cpf_is_valid_by_its_check_digits(cpf: str, is_valid: bool) -> None:
    assert is_cpf(cpf) is is_valid


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("", "names none of the columns"),
        ("usuario_id,nome,cpf,fuso", "column corte is missing"),
        ("usuario_id,nome,cpf,fuso,corte,idade", "column 'idade' is unknown"),
        ("usuario_id,nome,cpf,fuso,corte,nome", "column nome is repeated"),
    ],
)
def test_wrong_first_line_is_reported(header: str, message: str) -> None:
    employees, faults = parse_employees(f"{header}\n1,Ana,,,\n".encode() if header else b"", ZONES)
    assert not employees
    assert str(faults.first_faults[0]).startswith("line 1: ")
    assert message in faults.first_faults[0].what
    assert "ana" not in faults.first_faults[0].what.lower()


def test_wrong_encoding_is_reported_with_its_line() -> None:
    content = ("\n" + HEADER + "2,José,,,\n").encode("windows-1252")
    assert [str(fault) for fault in parse_employees(content, ZONES)[1].first_faults] == [
        "line 3: is not UTF-8; save the spreadsheet as CSV UTF-8"
    ]


def test_csv_error_is_reported_after_earlier_faults() -> None:
    first, second = parse_faults('1,,,,\n2,"J"osé,,,\n')
    assert first == "line 2, nome: is empty"
    assert second.startswith("line 3: is not CSV: ")
