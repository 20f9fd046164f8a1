"""What the reports read: the views and functions of the schema, streamed. Fields are named as the columns are."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ, connection

_SQL = {path.stem: path.read_text(encoding="utf-8") for path in (Path(__file__).parent / "sql").glob("*.sql")}
_AT_ONCE = 2_000  # rows that the server sends at a time

Employees = Sequence[int] | None
"""Numbers of employees; None: everybody."""


class Day(NamedTuple):
    """A calendar day of an employee."""

    usuario_id: int
    nome: str | None
    dia: date
    pontos: list[datetime]  # instants, UTC
    locais: list[datetime]  # the same in the employee's local time, naive
    batidas: int
    pares: int
    minutos: int
    minutos_noturnos: int
    incompleta: bool
    repetidas: int  # punches at most a minute after the one before
    minutos_descanso: int | None  # until the next working day, where they are too few; None: enough
    primeira: datetime | None
    ultima: datetime | None
    gravada_em: datetime | None


class Totals(NamedTuple):
    """An employee, and the totals of a month."""

    usuario_id: int
    nome: str | None
    cpf: str | None
    fuso: str
    dias_trabalhados: int
    minutos: int
    minutos_noturnos: int
    dias_incompletos: int
    dias_divididos: int  # days after which the cut-off may split a shift


class Card(NamedTuple):
    """The time card of an employee and month."""

    mes: date  # its first day
    totais: Totals
    dias: list[Day]  # every calendar day


class Limits(NamedTuple):
    """What an exception is."""

    jornada_maxima: timedelta
    proximas: timedelta
    atraso: timedelta
    futuro: timedelta
    dias: int
    desvio: timedelta
    redefinicao: timedelta


class Finding(NamedTuple):
    """An exception: of a punch, or of a whole day; or, summed up, several that have one cause."""

    tipo: str
    usuario_id: int | None  # None: several, who used the same device
    nome: str | None
    dia: date  # the first
    id: str | None
    local: datetime | None
    dispositivo: str | None
    medida: timedelta | None  # the largest, either way
    batidas: int | None
    vezes: int  # how many it sums up


class Findings(NamedTuple):
    """Exceptions, and what is known of them before they are read."""

    counts: dict[str, int]  # of each kind
    largest: int  # number of an employee
    each: Iterator[Finding]


class CutOff(NamedTuple):
    """The cut-off of an employee's working day, and one that fits the punches better."""

    usuario_id: int
    nome: str | None
    fuso: str
    corte: time
    dias: int
    divididos: int  # of these, days after which it may split a shift
    sugestao: time | None  # None: no full hour splits fewer
    restantes: int | None
    folga: timedelta | None


class Gap(NamedTuple):
    """Numbers of a device that are missing, or one that came twice."""

    dispositivo: str
    situacao: str  # faltam, repetida
    numero_inicial: int
    numero_final: int
    quantas: int  # numbers that are missing, or rows that have the number
    ponto_antes: datetime | None  # of the number before, or the earliest of the rows, UTC; None: there is none
    ponto_depois: datetime  # of the number after, or the latest of the rows, UTC
    desde: datetime  # since when it shows, UTC


class Minute(NamedTuple):
    """A minute of the intake."""

    minuto: datetime  # when it begins, UTC
    batidas: int
    recebidas: int
    gravadas: int
    fila: int
    idade: timedelta | None


class Reports:
    """The reports of a database as it is at one moment, whatever is written meanwhile; see `opened`."""

    def __init__(self, database: connection) -> None:
        """Takes a connection in the transaction that `opened` has begun."""
        self._database = database

    def zone(self) -> ZoneInfo:
        """Give the stage's time zone."""
        ((name,),) = self._rows("zone")
        return ZoneInfo(name)

    def days(self, month: date) -> Iterator[Day]:
        """Give every calendar day of every employee, by employee.

        Args:
            month: any day of it.
        """
        return map(Day._make, self._rows("cards", mes=month))

    def totals(self, month: date, employees: Employees = None) -> Iterator[Totals]:
        """Give the totals of a month of some employees, or of all, in order.

        Args:
            month: any day of it.
            employees: their numbers; who never punched and is not loaded has no totals. None: everybody.
        """
        for employee in [None] if employees is None else employees:
            yield from map(Totals._make, self._rows("totals", mes=month, usuario=employee))

    def cards(self, month: date, employees: Employees = None) -> Iterator[Card]:
        """Give the time cards of those of whom `totals` gives the totals."""
        rows = self._rows("cards", mes=month) if employees is None else None
        for totals in self.totals(month, employees):
            of_one = rows or self._rows("card", mes=month, usuario=totals.usuario_id)
            days = [Day._make(next(of_one)) for _ in range(_length(month))]
            if any(day.usuario_id != totals.usuario_id for day in days):
                raise AssertionError(f"the days and the totals of employee {totals.usuario_id} have parted")
            yield Card(month.replace(day=1), totals, days)

    def has_punches(self, first: date, last: date, employees: Employees = None) -> bool:
        """Tell whether somebody, or one of these employees, punched in the working days from the first to the last."""
        ((found,),) = self._rows("punched", de=first, ate=last, usuarios=_array(employees))
        return bool(found)

    def exceptions(
        self, first: date, last: date, limits: Limits, employees: Employees = None, *, in_sum: bool = False
    ) -> Findings:
        """Give how many exceptions there are of each kind, and each.

        Args:
            first: working day from which on.
            last: the last day.
            limits: what an exception is.
            employees: of these only; None: everybody.
            in_sum: what has one cause is one finding.
        """
        values = {"usuarios": _array(employees), "somadas": in_sum, **limits._asdict()}
        rows = self._rows("exceptions", de=first, ate=last, **values)
        _, _, largest, *_, total = next(rows)
        counts: dict[str, int] = {}
        while sum(counts.values()) < total:
            _, tipo, *_, count = next(rows)
            counts[tipo] = count
        return Findings(counts, largest or 0, (Finding._make(row) for _, *row in rows))

    def cutoffs(self, first: date, last: date, employees: Employees = None, at_least: int = 0) -> Iterator[CutOff]:
        """Give the cut-offs of the employees who punched, with a better one where there is one.

        Args:
            first: working day from which on.
            last: the last day.
            employees: of these only; None: everybody.
            at_least: so many days of theirs are split.
        """
        values = {"usuarios": _array(employees), "divididos": at_least}
        return map(CutOff._make, self._rows("cutoffs", de=first, ate=last, **values))

    def gaps(self, first: date | None, last: date | None) -> Iterator[Gap]:
        """Give the numbers of devices that are missing, and those that came twice.

        Args:
            first: what was received from this day of the stage on; None: all that there ever was.
            last: the last day; None: likewise.
        """
        return map(Gap._make, self._rows("gaps", de=first or "-infinity", ate=last or "infinity"))

    def peak(self, start: datetime, end: datetime) -> list[Minute]:
        """Give the minutes between two instants."""
        return list(map(Minute._make, self._rows("peak", de=start, ate=end)))

    def _rows(self, query: str, **values: object) -> Iterator[tuple[Any, ...]]:
        """Run a query; the rows stay on the server until they are needed."""
        with self._database.cursor(name=f"ponto_{query}") as cursor:
            cursor.itersize = _AT_ONCE
            cursor.execute(_SQL[query], values)
            yield from cursor


@contextmanager
def opened(database: connection) -> Iterator[Reports]:
    """Begin to read: all that is read until the end is of the same moment.

    Args:
        database: outside of any transaction.
    """
    database.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ)
    with database.cursor() as cursor:
        cursor.execute(_SQL["begin"])
    try:
        yield Reports(database)
    finally:
        database.rollback()


def _length(month: date) -> int:
    first = month.replace(day=1)
    return ((first + timedelta(days=31)).replace(day=1) - first).days


def _array(employees: Employees) -> list[int] | None:
    return None if employees is None else list(employees)
