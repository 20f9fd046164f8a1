"""Statements about corrections, each with its row type and its parameters; their SQL is in `reads/`."""

from datetime import UTC, datetime, timezone
from pathlib import Path
from typing import NamedTuple

from ponto.read import parameter_types as types
from ponto.read.statements import Catalogue
from slices.reports.statements import RecordRow


class CorrectionRow(NamedTuple):
    """Employee and kind of a correction."""

    usuario_id: int
    tipo: str


class DisregardedRow(NamedTuple):
    """A punch that does not count, and the correction that disregards it."""

    alvo: str
    id: str


class ListedCorrectionRow(NamedTuple):
    """A correction of a month's punch."""

    criada_em: datetime
    id: str
    tipo: str
    desfeita: bool
    usuario_id: int
    ponto: datetime
    local: datetime  # `ponto` in the employee's time zone, naive
    alvo: str | None
    motivo: str
    autor: str  # "local": not verified
    pedido_autenticado: bool | None  # whether the employee asked for the correction signed in; None: did not ask


class EmployeePunchRow(NamedTuple):
    """A punch, or a punch that a correction added."""

    id: str
    ponto: datetime
    local: datetime  # `ponto` in the employee's time zone, naive
    e_incluida: bool
    desconsiderada_por: str | None  # id of a correction; None: the punch counts

    def format_time(self) -> str:
        """Return the local time with its offset, because an hour occurs twice when clocks go back."""
        offset = self.local - self.ponto.astimezone(UTC).replace(tzinfo=None)
        return self.local.replace(tzinfo=timezone(offset)).timetz().isoformat("seconds")


STATEMENTS = Catalogue(Path(__file__).parent / "reads", tables_with_write_time={"correcao"})
CORRECTION = STATEMENTS.add("correction", CorrectionRow, {"id": types.uuid})
CORRECTION_LIST = STATEMENTS.add("correction_list", ListedCorrectionRow, {"mes": types.day})
DISREGARDED = STATEMENTS.add("disregarded", DisregardedRow, {"ids": types.texts})
EMPLOYEE_PUNCHES = STATEMENTS.add(
    "employee_punches", EmployeePunchRow, {"employee_id": types.integer, "de": types.instant, "ate": types.instant}
)
PERSON_CORRECTIONS = STATEMENTS.add("person_corrections", RecordRow, {"employee_id": types.integer})
