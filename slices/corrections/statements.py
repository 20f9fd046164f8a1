"""What corrections add to the statements of the function that reads: a file of `reads/` each."""

from collections.abc import Mapping
from pathlib import Path

from ponto.reader import kinds

FOLDER = Path(__file__).parent / "reads"

PARAMETERS: Mapping[str, Mapping[str, kinds.Kind]] = {
    "correction_list": {"mes": kinds.day},
    "employee_punches": {"usuario": kinds.number, "de": kinds.instant, "ate": kinds.instant},
}
