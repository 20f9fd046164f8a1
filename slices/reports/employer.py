"""The employer at the head of time cards: its name and its CNPJ or CPF, the Brazilian taxpayer numbers."""

import re
from pathlib import Path

from ponto.schema.owner import Connection, lock_and_check_tables
from ponto.shared import fields
from ponto.shared.sql_names import read_sql
from slices.employee_numbers import is_cnpj, is_cpf

_STORE = read_sql(Path(__file__).parent / "sql" / "employer.sql")

MAX_NAME_LENGTH = 150  # characters

_parse_name = fields.display_text(MAX_NAME_LENGTH, "").parse
_has_cpf_format = re.compile(r"[0-9]{11}").fullmatch
_has_cnpj_format = re.compile(r"[0-9A-Z]{12}[0-9]{2}").fullmatch  # with letters since July 2026


def parse_employer(text: str) -> str:
    """Return an employer in the format of time cards: "Padaria Sol Ltda., CNPJ 11.222.333/0001-81".

    Args:
        text: a name, a comma, and a CNPJ or CPF, with or without that word and the punctuation.

    Raises:
        ValueError: the name or the check digits are invalid; the message does not quote `text`.
    """
    name, _, document_text = (part.strip() for part in text.rpartition(","))
    document = re.sub(r"^(?:CNPJ|CPF)\b|[ ./-]", "", document_text.upper())
    if not _is_name(name):
        raise ValueError(f"has no name of at most {MAX_NAME_LENGTH} printable characters before the last comma")
    if _has_cpf_format(document) and is_cpf(document):
        return f"{name}, CPF {document[:3]}.{document[3:6]}.{document[6:9]}-{document[9:]}"
    if _has_cnpj_format(document) and is_cnpj(document):
        return f"{name}, CNPJ {document[:2]}.{document[2:5]}.{document[5:8]}/{document[8:12]}-{document[12:]}"
    raise ValueError("has no valid CNPJ or CPF after the last comma")


def store(connection: Connection, employer: str) -> None:
    """Store the employer in place of the previous one.

    Args:
        connection: a connection of the owner, who holds the lock of `locked_connection`.
        employer: the employer in the format of `parse_employer`; empty for none.
    """
    with connection.cursor() as cursor:
        lock_and_check_tables(cursor, all_tables=True)
        cursor.execute(_STORE, {"employer": employer})
    connection.commit()


def _is_name(text: str) -> bool:
    try:
        _parse_name(text)
    except ValueError:
        return False
    return bool(re.sub(f"[{fields.INVISIBLE_CHARACTERS}]", "", text))
