"""Who employs, as the stage names it and time cards have it: a name, and the CNPJ or CPF."""

import re
from itertools import cycle
from pathlib import Path

from ponto import fields
from ponto.admin.owner import connect_as_owner, lock_and_check_tables
from ponto.connection import Parameters
from ponto.database_names import read_sql
from ponto.documents import is_cpf

_STORE = read_sql(Path(__file__).parent / "sql" / "employer.sql")

LONGEST = 150
"""Characters of a name."""

_NAME = fields.display_text("", LONGEST, "")
_is_cpf = re.compile(r"[0-9]{11}").fullmatch
_is_cnpj = re.compile(r"[0-9A-Z]{12}[0-9]{2}").fullmatch  # with letters since July 2026


def read(text: str) -> str:
    """Give an employer as cards have it: "Padaria Sol Ltda., CNPJ 11.222.333/0001-81".

    Args:
        text: a name, a comma, and a CNPJ or CPF, with or without that word and the points.

    Raises:
        ValueError: it is something else, or the check digits are of neither; the message quotes nothing.
    """
    name, _, written = (part.strip() for part in text.rpartition(","))
    document = re.sub(r"^(?:CNPJ|CPF)\b|[ ./-]", "", written.upper())
    if not _is_name(name):
        raise ValueError(f"has no name of at most {LONGEST} printable characters before its last comma")
    if _is_cpf(document) and is_cpf(document):
        return f"{name}, CPF {document[:3]}.{document[3:6]}.{document[6:9]}-{document[9:]}"
    if _is_cnpj(document) and is_cnpj(document):
        return f"{name}, CNPJ {document[:2]}.{document[2:5]}.{document[5:8]}/{document[8:12]}-{document[12:]}"
    raise ValueError("has the check digits of neither a CNPJ nor a CPF")


def store(parameters: Parameters, employer: str) -> None:
    """Store who employs, instead of who did before.

    Args:
        parameters: keyword arguments of `psycopg2.connect`, of the owner.
        employer: as of `read`; empty: nobody is named.

    Raises:
        psycopg2.Error: no connection, after all tries of `connect`; or it broke.
    """
    with connect_as_owner(parameters) as connection, connection.cursor() as cursor:
        lock_and_check_tables(cursor, all_tables=True)
        cursor.execute(_STORE, {"employer": employer})
        connection.commit()


def _is_name(text: str) -> bool:
    try:
        _NAME.read(text)
    except ValueError:
        return False
    return bool(re.sub(f"[{fields.BLANK}]", "", text))


def is_cnpj(characters: str) -> bool:
    """Tell whether 14 characters are a CNPJ: its last two are check digits over those before, modulo 11."""
    found = characters[:12]
    for _ in range(2):
        weighted = sum((ord(each) - ord("0")) * weight for each, weight in zip(reversed(found), cycle(range(2, 10))))
        found += str(-weighted % 11 % 10)  # 11 minus the rest; where that is 10 or 11, zero
    return len(set(characters)) > 1 and found == characters
