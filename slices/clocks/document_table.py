"""The table of documents: the employee of each CPF or PIS, for files of hardware clocks.

No message of this module quotes a CPF or PIS.
"""

import re

from slices import spreadsheet
from slices.employee_numbers import CPF_PIS_DIGITS, MAX_EMPLOYEE_ID, employee_id_error, is_cpf, is_pis, lost_zeros_error
from slices.imports.file_formats import GetObject, InvalidFileError, ObjectNotFoundError
from slices.spreadsheet import Faults, Row

TABLE_KEY = "documents/documents.csv"
"""Key of the table in the bucket."""

MAX_TABLE_BYTES = 16 << 20
"""Maximum size of the table: half a million lines."""

COLUMNS = ("documento", "usuarioId")

# Not \d, which matches digits of other scripts too.
_is_document = re.compile(rf"[0-9]{{{CPF_PIS_DIGITS}}}").fullmatch


def parse_table(content: bytes) -> tuple[dict[str, int], Faults]:
    """Parse a table: CSV with the columns `COLUMNS`, as `slices.spreadsheet` reads it.

    An employee may have several documents; a document belongs to one employee.

    Returns:
        The employee id of each document, and the faults of the table.
    """
    first_lines: dict[str, int] = {}

    def find_faults(row: Row) -> dict[str, str | None]:
        document, employee_id = row.cells
        first = first_lines.setdefault(document, row.line)
        has_valid_id = employee_id_error(employee_id) is None  # the error quotes the value, which may be a document
        return {
            "documento": f"is already on line {first}" if first != row.line else _document_fault(document),
            "usuarioId": None if has_valid_id else f"is not a number from 1 to {MAX_EMPLOYEE_ID}",
        }

    rows, faults = spreadsheet.read(content, COLUMNS, find_faults)
    return {document: int(employee_id) for _, (document, employee_id) in rows}, faults


def _document_fault(text: str) -> str | None:
    if error := lost_zeros_error(text):
        return error
    if not _is_document(text):
        return f"is not {CPF_PIS_DIGITS} digits, without points or hyphens"
    if not is_cpf(text) and not is_pis(text):
        return "has the check digits of neither a CPF nor a PIS"
    return None


def load_employee_ids(get_object: GetObject) -> dict[str, int]:
    """Read the table from the bucket, and return the employee id of each document.

    Raises:
        InvalidFileError: there is no table, or it has faults.
    """
    try:
        content = get_object(TABLE_KEY, MAX_TABLE_BYTES + 1)
    except ObjectNotFoundError as error:
        raise InvalidFileError(
            f"{TABLE_KEY} is not in the bucket (S3: {error}), and files of hardware clocks need it; run ponto load "
            "documents, then import the file again"
        ) from None
    if len(content) > MAX_TABLE_BYTES:
        raise InvalidFileError(f"{TABLE_KEY} is larger than {MAX_TABLE_BYTES} bytes")
    employee_ids, faults = parse_table(content)
    if faults:
        raise InvalidFileError(
            f"{TABLE_KEY} has {len(faults)} faults, the first in line {faults[0].line}; ponto load documents lists them"
        )
    return employee_ids
