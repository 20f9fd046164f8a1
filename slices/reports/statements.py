"""Statements of the reports, each with its row type and its parameters; their SQL is in `reads/`."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from ponto.read import parameter_types as types
from ponto.read.punch_statements import EmployeeRow, ZoneRow
from ponto.read.statements import Catalogue, Statement


class ArrivalRow(NamedTuple):
    """A punch or a correction, with its author, reason and time of writing."""

    usuario_id: int
    id: str
    tipo: str  # batida, or the type of a correction
    dia: date
    local: datetime  # time of the punch in the employee's time zone, naive
    dispositivo: str | None
    autor: str | None  # author of a correction; None: a punch
    motivo: str | None
    escrita_em: datetime  # an instant
    pedido_autenticado: bool | None  # whether the employee asked for the correction signed in; None: did not ask

    def to_json(self) -> dict[str, Any]:
        """Return the fields for json, without the employee."""
        return {name: value for name, value in self._asdict().items() if name != "usuario_id"}

    def to_text(self) -> str:
        """Format the row as one text for csv."""
        local = f"{self.local:%Y-%m-%dT%H:%M}"
        parts = (self.tipo, local, self.autor, f"{self.escrita_em:%Y-%m-%dT%H:%M:%SZ}", self.motivo)
        return " ".join(filter(None, parts))


class TimeCardRow(NamedTuple):
    """A calendar day of an employee's time card."""

    usuario_id: int
    nome: str | None
    dia: date
    pontos: list[datetime]  # punches, UTC, truncated to the minute
    locais: list[datetime]  # the same in the employee's local time, naive
    minutos: int
    minutos_noturnos: int
    repetidas: int  # punches at most a minute after the previous one
    minutos_descanso: int | None  # rest until the next working day, if it is too short; otherwise None
    espera: timedelta | None  # time from the last punch of the day to the last write of a row of the day
    incluidas: list[int]  # positions in pontos, from 1, of punches added by a correction


class ChangeRow(NamedTuple):
    """Totals of an employee's month at an earlier instant (`_antes`) and at the report's instant."""

    usuario_id: int
    nome: str | None
    cpf: str | None
    dias_trabalhados_antes: int
    dias_trabalhados: int
    minutos_antes: int
    minutos: int
    minutos_noturnos_antes: int
    minutos_noturnos: int
    dias_incompletos_antes: int
    dias_incompletos: int
    zona_mudou_em: datetime | None  # last change of time zone or cut-off, if it was after the earlier instant


class CutoffRow(NamedTuple):
    """An employee's cut-off, and the suggested cut-off."""

    usuario_id: int
    nome: str | None
    fuso: str
    corte: time
    dias: int  # working days with punches
    divididos: int  # working days after which the cut-off may split a shift
    sugestao: time | None  # None: no full hour splits fewer shifts
    restantes: int | None  # working days after which the suggested cut-off may split a shift
    folga: timedelta | None  # average time between the punches before and after the suggested cut-off
    folga_minutos: int | None


class EmployerRow(NamedTuple):
    """The employer of the stage."""

    identificacao: str | None


class ExceptionRow(NamedTuple):
    """A number of exceptions, or an exception, or several exceptions with the same cause; see `ordem`."""

    ordem: int  # 0: number of all exceptions; 1: number of those of the type; 2: exceptions
    tipo: str
    usuario_id: int | None  # None: several employees who share a device
    nome: str | None
    dia: date  # first day
    id: str | None
    local: datetime | None
    dispositivo: str | None
    medida: timedelta | None  # largest measure in absolute value
    batidas: int | None
    vezes: int  # number of exceptions in this row
    locais: list[datetime] | None  # local times of an incomplete day's punches, naive; None: not requested


class ExistenceRow(NamedTuple):
    """Result of a query for the existence of rows."""

    existe: bool


class GapRow(NamedTuple):
    """Numbers of a device that are missing or were received several times."""

    dispositivo: str
    situacao: str  # faltam, repetida
    numero_inicial: int
    numero_final: int
    quantas: int  # missing numbers, or rows with each number
    ponto_antes: datetime | None  # punch with the number before, or the earliest of the rows, UTC
    ponto_depois: datetime  # punch with the number after, or the latest of the rows, UTC
    desde: datetime  # receipt from which the gap or repeat is visible, UTC


class MonthRow(NamedTuple):
    """A month with punches or corrections."""

    mes: date  # its first day


class PersonRow(NamedTuple):
    """An employee's time zone, and the employee's row of funcionario."""

    fuso: str
    funcionario: dict[str, Any] | None


class RecordRow(NamedTuple):
    """A row of a table as a dictionary of its columns."""

    registro: dict[str, Any]


class PersonSection(NamedTuple):
    """Rows about an employee that another slice adds to `ponto person`."""

    name: str  # field of the JSON file
    titles: Mapping[str, str]  # by language
    statement: Statement[RecordRow]
    columns: Sequence[str]  # of the page; the other fields of a row follow in one cell
    labels: Mapping[str, Mapping[str, str]]  # of fields, by language; the others have the reports' labels
    words: Mapping[str, Mapping[str, str]]  # values of fields, by language; the others are formatted


class TotalsRow(NamedTuple):
    """An employee and the totals of a month."""

    usuario_id: int
    nome: str | None
    cpf: str | None
    fuso: str
    dias_trabalhados: int
    minutos: int
    minutos_noturnos: int
    dias_incompletos: int
    dias_divididos: int  # days after which the cut-off may split a shift
    zona_mudou_em: datetime | None = None  # last change of time zone or cut-off, if after the report's instant


class WorkingDayRow(NamedTuple):
    """Start and end of a working day."""

    inicio: datetime
    fim: datetime


_DAY_RANGE = {"de": types.day, "ate": types.day}
_DAYS = {**_DAY_RANGE, "employee_ids": types.integers, "momento": types.instant}
_MONTH = {"mes": types.day, "employee_ids": types.integers, "momento": types.instant}
_CHANGES = {**_MONTH, "antes": types.instant}
_PERSON = {"employee_id": types.integer}
_LIMITS = dict.fromkeys(("jornada_maxima", "proximas", "atraso", "futuro", "desvio", "redefinicao"), types.duration)

STATEMENTS = Catalogue(
    Path(__file__).parent / "reads",
    tables_with_write_time={"funcionario"},  # zona_mudou_em: when the time zone or the cut-off changed
)
ARRIVALS = STATEMENTS.add("arrivals", ArrivalRow, _CHANGES)
TIME_CARDS = STATEMENTS.add("time_cards", TimeCardRow, _MONTH)
CHANGES = STATEMENTS.add("changes", ChangeRow, _CHANGES)
CORRECTIONS = STATEMENTS.add("corrections", ArrivalRow, _MONTH)
CUTOFFS = STATEMENTS.add(
    "cutoffs", CutoffRow, {**_DAY_RANGE, "employee_ids": types.integers, "divididos": types.integer}
)
EMPLOYEE_ZONE = STATEMENTS.add("employee_zone", ZoneRow, _PERSON)
EMPLOYEES = STATEMENTS.add(
    "employees", EmployeeRow, {"mes": types.day, "momento": types.instant, "antes": types.instant}
)
EMPLOYER = STATEMENTS.add("employer", EmployerRow)
EXCEPTIONS = STATEMENTS.add(
    "exceptions", ExceptionRow, {**_DAYS, "somadas": types.boolean, "dias": types.integer, **_LIMITS}
)
GAPS = STATEMENTS.add("gaps", GapRow, _DAY_RANGE)
PERSON = STATEMENTS.add("person", PersonRow, _PERSON)
PERSON_MONTHS = STATEMENTS.add("person_months", MonthRow, _PERSON)
PERSON_PUNCHES = STATEMENTS.add("person_punches", RecordRow, {**_PERSON, "mes": types.day})
PUNCHED = STATEMENTS.add("punched", ExistenceRow, _DAYS)
RECEIVED = STATEMENTS.add("received", ExistenceRow, _DAY_RANGE)
TOTALS = STATEMENTS.add("totals", TotalsRow, _MONTH)
WORKING_DAY = STATEMENTS.add("working_day", WorkingDayRow, {**_PERSON, "dia": types.day})
ZONES = STATEMENTS.add("zones", ZoneRow)
