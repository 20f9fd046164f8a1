"""Statements of the function `read` about corrections, one for each file of `reads/`."""

from pathlib import Path

from ponto.reader import parameter_types as types
from ponto.reader.statements import Catalogue, read_folder

STATEMENTS = Catalogue(
    read_folder(Path(__file__).parent / "reads"),
    {
        "correction": {"id": types.uuid},
        "correction_list": {"mes": types.day},
        "disregarded": {"ids": types.texts},
        "employee_punches": {"employee_id": types.integer, "de": types.instant, "ate": types.instant},
        "person_corrections": {"employee_id": types.integer},
    },
    tables_with_write_time={"correcao"},
)
