"""Statements of the reports for the function `read`: the files of `reads/` and the types of their parameters."""

from pathlib import Path

from ponto.reader import parameter_types as types
from ponto.reader.statements import Catalogue, read_folder

_DAY_RANGE = {"de": types.day, "ate": types.day}
_DAYS = {**_DAY_RANGE, "employee_ids": types.integers, "momento": types.instant}
_MONTH = {"mes": types.day, "employee_ids": types.integers, "momento": types.instant}
_CHANGES = {**_MONTH, "antes": types.instant}
_PERSON = {"employee_id": types.integer}
_LIMITS = dict.fromkeys(("jornada_maxima", "proximas", "atraso", "futuro", "desvio", "redefinicao"), types.duration)

STATEMENTS = Catalogue(
    read_folder(Path(__file__).parent / "reads"),
    {
        "arrivals": _CHANGES,
        "cards": _MONTH,
        "changes": _CHANGES,
        "corrections": _MONTH,
        "cutoffs": {**_DAY_RANGE, "employee_ids": types.integers, "divididos": types.integer},
        "employee_zone": _PERSON,
        "employees": {"mes": types.day, "momento": types.instant, "antes": types.instant},
        "employer": {},
        "exceptions": {**_DAYS, "somadas": types.boolean, "dias": types.integer, **_LIMITS},
        "gaps": _DAY_RANGE,
        "person": _PERSON,
        "person_months": _PERSON,
        "person_punches": {**_PERSON, "mes": types.day},
        "punched": _DAYS,
        "received": _DAY_RANGE,
        "totals": _MONTH,
        "working_day": {**_PERSON, "dia": types.day},
        "zones": {},
    },
    unbounded_statements={"gaps", "received"},
    tables_with_write_time={"funcionario"},  # zona_mudou_em: when the time zone or the cut-off changed
)
