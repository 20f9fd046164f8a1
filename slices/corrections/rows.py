"""The statements of `reads/`, and the types of their rows: a field is a column, in the same order."""

from datetime import UTC, datetime, timezone
from typing import NamedTuple

from slices.reports.rows import RecordRow
from tools.kit.reader import Statement


class CorrectionRow(NamedTuple):
    """Whose a correction is, and which kind of correction."""

    usuario_id: int
    tipo: str


class DisregardedRow(NamedTuple):
    """A punch that does not count, and the correction that disregards it."""

    alvo: str
    id: str


class ListedCorrectionRow(NamedTuple):
    """A correction of a month."""

    criada_em: datetime
    id: str
    tipo: str
    desfeita: bool
    usuario_id: int
    ponto: datetime
    local: datetime  # of the instant, in the employee's zone, naive
    alvo: str | None
    motivo: str
    autor: str  # "local": who it was is not known


class EmployeePunchRow(NamedTuple):
    """A punch, or an addition."""

    id: str
    ponto: datetime
    local: datetime  # of the instant, in the employee's zone, naive
    e_incluida: bool
    desconsiderada_por: str | None  # a correction's id; None: it counts

    def format_time(self) -> str:
        """Return the local time with its offset: when clocks go back, only that tells two punches of an hour apart."""
        offset = self.local - self.ponto.astimezone(UTC).replace(tzinfo=None)
        return self.local.replace(tzinfo=timezone(offset)).timetz().isoformat("seconds")


CORRECTION = Statement("correction", CorrectionRow)
CORRECTION_LIST = Statement("correction_list", ListedCorrectionRow)
DISREGARDED = Statement("disregarded", DisregardedRow)
EMPLOYEE_PUNCHES = Statement("employee_punches", EmployeePunchRow)
PERSON_CORRECTIONS = Statement("person_corrections", RecordRow)
