"""What reports add to the statements of the function that reads: a file of `reads/` each."""

from collections.abc import Mapping
from pathlib import Path

from ponto.reader import kinds

FOLDER = Path(__file__).parent / "reads"

WITHOUT_BOUND = {"gaps", "received"}
WRITTEN = ["funcionario"]  # by zona_mudou_em, which says whose zone or cut-off changed since an instant

_BETWEEN: dict[str, kinds.Kind] = {"de": kinds.day, "ate": kinds.day}
_INSTANTS: dict[str, kinds.Kind] = {"de": kinds.instant, "ate": kinds.instant}
_DAYS: dict[str, kinds.Kind] = {**_BETWEEN, "usuarios": kinds.numbers, "momento": kinds.instant}
_MONTH: dict[str, kinds.Kind] = {"mes": kinds.day, "usuarios": kinds.numbers, "momento": kinds.instant}
_CHANGES: dict[str, kinds.Kind] = {**_MONTH, "antes": kinds.instant}
_PERSON: dict[str, kinds.Kind] = {"usuario": kinds.number}
_LIMITS = dict.fromkeys(("jornada_maxima", "proximas", "atraso", "futuro", "desvio", "redefinicao"), kinds.span)

PARAMETERS: Mapping[str, Mapping[str, kinds.Kind]] = {
    "arrivals": _CHANGES,
    "cards": _MONTH,
    "changes": _CHANGES,
    "corrections": _MONTH,
    "cutoffs": {**_BETWEEN, "usuarios": kinds.numbers, "divididos": kinds.number},
    "employee_zone": _PERSON,
    "employees": {"mes": kinds.day, "momento": kinds.instant, "antes": kinds.instant},
    "employer": {},
    "exceptions": {**_DAYS, "somadas": kinds.flag, "dias": kinds.number, **_LIMITS},
    "gaps": _BETWEEN,
    "peak": _INSTANTS,
    "person": _PERSON,
    "person_months": _PERSON,
    "person_punches": {**_PERSON, "mes": kinds.day},
    "punched": _DAYS,
    "random_ids": _INSTANTS,
    "received": _BETWEEN,
    "totals": _MONTH,
    "working_day": {**_PERSON, "dia": kinds.day},
    "zones": {},
}
