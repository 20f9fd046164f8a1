"""What corrections add to the statements of the function that reads: a file of `reads/` each."""

from collections.abc import Mapping
from pathlib import Path

from ponto.reader import kinds

FOLDER = Path(__file__).parent / "reads"

WRITTEN = ["correcao"]

PARAMETERS: Mapping[str, Mapping[str, kinds.Kind]] = {
    "correction": {"id": kinds.uuid},
    "correction_list": {"mes": kinds.day},
    "disregarded": {"ids": kinds.texts},
    "employee_punches": {"usuario": kinds.number, "de": kinds.instant, "ate": kinds.instant},
    "person_corrections": {"usuario": kinds.number},
}
