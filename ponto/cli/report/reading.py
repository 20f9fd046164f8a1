"""What the reports read: the views and functions of the schema, streamed. Fields are named as the columns are."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ, connection

_SQL = {path.stem: path.read_text(encoding="utf-8") for path in (Path(__file__).parent / "sql").glob("*.sql")}
_AT_ONCE = 2_000  # rows that the server sends at a time


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


class Finding(NamedTuple):
    """An exception: of a punch, or of a whole day."""

    tipo: str
    usuario_id: int
    nome: str | None
    dia: date
    id: str | None
    local: datetime | None
    dispositivo: str | None
    medida: timedelta | None
    batidas: int | None


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

    def cards(self, month: date, employee: int | None = None) -> Iterator[Card]:
        """Give the time cards of an employee (one, or none if there is nobody with that number), or of all.

        Args:
            month: any day of it.
            employee: the number; None: everybody, in order.
        """
        rows = self._rows("cards", mes=month) if employee is None else self._rows("card", mes=month, usuario=employee)
        for found in self._rows("totals", mes=month, usuario=employee):
            totals = Totals._make(found)
            days = [Day._make(next(rows)) for _ in range(_length(month))]
            if any(day.usuario_id != totals.usuario_id for day in days):
                raise AssertionError(f"the days and the totals of employee {totals.usuario_id} have parted")
            yield Card(month.replace(day=1), totals, days)

    def exceptions(
        self, first: date, last: date, limits: Limits, employee: int | None
    ) -> tuple[dict[str, int], Iterator[Finding]]:
        """Give how many exceptions there are of each kind, and each.

        Args:
            first: working day from which on.
            last: the last day.
            limits: what an exception is.
            employee: of this one only; None: everybody.
        """
        rows = self._rows("exceptions", de=first, ate=last, usuario=employee, **limits._asdict())
        counts: dict[str, int] = {}
        for is_one, tipo, *rest in rows:
            if is_one:
                return counts, self._with(Finding(tipo, *rest), rows)
            counts[tipo] = rest[-1]
        return counts, iter(())

    def peak(self, start: datetime, end: datetime) -> list[Minute]:
        """Give the minutes between two instants."""
        return list(map(Minute._make, self._rows("peak", de=start, ate=end)))

    def _rows(self, query: str, **values: object) -> Iterator[tuple[Any, ...]]:
        """Run a query; the rows stay on the server until they are needed."""
        with self._database.cursor(name=f"ponto_{query}") as cursor:
            cursor.itersize = _AT_ONCE
            cursor.execute(_SQL[query], values)
            yield from cursor

    @staticmethod
    def _with(first: Finding, rest: Iterator[tuple[Any, ...]]) -> Iterator[Finding]:
        yield first
        for _, *row in rest:
            yield Finding._make(row)


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
