"""Whose a document is, CPF or PIS: the table that says it, for files of hardware clocks.

No message of this module quotes a document.
"""

import re

from ponto import spreadsheet
from ponto.documents import DOCUMENT_DIGITS, MAX_EMPLOYEE_ID, employee_id_fault, is_cpf, is_pis
from ponto.spreadsheet import Faults, Row
from slices.imports.file_formats import GetObject, InvalidFileError, ObjectNotFoundError

TABLE_KEY = "documents/documents.csv"
"""Where the table is in the bucket of files."""

MAX_TABLE_BYTES = 16 << 20
"""Of the table: half a million lines."""

COLUMNS = ("documento", "usuarioId")

# ASCII alone: \d knows digits of other scripts.
_is_document = re.compile(rf"[0-9]{{{DOCUMENT_DIGITS}}}").fullmatch
_has_too_few_digits = re.compile(r"[0-9]{8,10}").fullmatch


def parse_table(content: bytes) -> tuple[dict[str, int], Faults]:
    """Read the table of documents, whole: CSV with the columns of `COLUMNS`, as `ponto.spreadsheet` reads it.

    An employee may have several documents; a document is of one employee.

    Returns:
        The employee of each document, and what is wrong with the table.
    """
    first_line: dict[str, int] = {}

    def find_faults(row: Row) -> dict[str, str | None]:
        document, employee_id = row.cells
        first = first_line.setdefault(document, row.line)
        is_wrong = employee_id_fault(employee_id) is not None  # which quotes it, and it may be a document
        return {
            "documento": f"is on line {first} already" if first != row.line else _document_fault(document),
            "usuarioId": f"is not a number from 1 to {MAX_EMPLOYEE_ID}" if is_wrong else None,
        }

    rows, faults = spreadsheet.read(content, COLUMNS, find_faults)
    return {document: int(employee) for _, (document, employee) in rows}, faults


def _document_fault(text: str) -> str | None:
    if _has_too_few_digits(text):
        return f"has {len(text)} of {DOCUMENT_DIGITS} digits; has the spreadsheet dropped a zero in front?"
    if not _is_document(text):
        return f"is not {DOCUMENT_DIGITS} digits, without points or hyphens"
    if not is_cpf(text) and not is_pis(text):
        return "has the check digits of neither a CPF nor a PIS"
    return None


def load_employee_ids(get_object: GetObject) -> dict[str, int]:
    """Read the table that the bucket has: the employee of each document.

    Raises:
        InvalidFileError: it has none, or one with faults.
    """
    try:
        content = get_object(TABLE_KEY, MAX_TABLE_BYTES + 1)
    except ObjectNotFoundError as error:
        raise InvalidFileError(
            f"a hardware clock's file needs {TABLE_KEY} in the bucket (S3: {error}); ponto load documents puts "
            "it there, then import the file again"
        ) from None
    if len(content) > MAX_TABLE_BYTES:
        raise InvalidFileError(f"{TABLE_KEY} is larger than {MAX_TABLE_BYTES} bytes")
    found, faults = parse_table(content)
    if faults:
        raise InvalidFileError(
            f"{TABLE_KEY} has {len(faults)} faults, the first in line {faults.listed[0].line}; ponto load "
            "documents says which they are"
        )
    return found
