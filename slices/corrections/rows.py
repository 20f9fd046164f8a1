"""Statements of `reads/`, with their row types, whose fields are the columns in the same order."""

from datetime import UTC, datetime, timezone
from typing import NamedTuple

from slices.reports.rows import RecordRow
from tools.kit.reader import Statement


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


CORRECTION = Statement("correction", CorrectionRow)
CORRECTION_LIST = Statement("correction_list", ListedCorrectionRow)
DISREGARDED = Statement("disregarded", DisregardedRow)
EMPLOYEE_PUNCHES = Statement("employee_punches", EmployeePunchRow)
PERSON_CORRECTIONS = Statement("person_corrections", RecordRow)
