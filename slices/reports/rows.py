"""The statements of `reads/`, and the types of their rows: a field is a column, in the same order."""

from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from tools.kit.reader import Statement
from tools.kit.rows import EmployeeRow, ZoneRow


class ArrivalRow(NamedTuple):
    """A punch or a correction: which, of when, and who wrote it when and why."""

    usuario_id: int
    id: str
    tipo: str  # batida, or as in correcoes
    dia: date
    local: datetime  # the punch, naive
    dispositivo: str | None
    autor: str | None  # of a correction
    motivo: str | None
    escrita_em: datetime  # an instant

    def to_json(self) -> dict[str, Any]:
        """Return it for programs, without its employee."""
        return {name: value for name, value in self._asdict().items() if name != "usuario_id"}

    def to_text(self) -> str:
        """Format it for programs that know no lists."""
        at = f"{self.local:%Y-%m-%dT%H:%M}"
        words = (self.tipo, at, self.autor, f"{self.escrita_em:%Y-%m-%dT%H:%M:%SZ}", self.motivo)
        return " ".join(filter(None, words))


class CardRow(NamedTuple):
    """A calendar day of an employee."""

    usuario_id: int
    nome: str | None
    dia: date
    pontos: list[datetime]  # instants, UTC, cut to the minute
    locais: list[datetime]  # the same in the employee's local time, naive
    minutos: int
    minutos_noturnos: int
    repetidas: int  # punches at most a minute after the one before
    minutos_descanso: int | None  # until the next working day, where they are too few; None: enough
    espera: timedelta | None  # from the last punch until the last row was written
    incluidas: list[int]  # positions in pontos, from 1, of added punches


class ChangeRow(NamedTuple):
    """An employee's month, then and now."""

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
    zona_mudou_em: datetime | None  # zone or cut-off, so that both figures are by those of today; None: they did not


class CutoffRow(NamedTuple):
    """An employee's cut-off, and a better one."""

    usuario_id: int
    nome: str | None
    fuso: str
    corte: time
    dias: int
    divididos: int  # of these, days after which it may split a shift
    sugestao: time | None  # None: no full hour splits fewer
    restantes: int | None
    folga: timedelta | None
    folga_minutos: int | None


class EmployerRow(NamedTuple):
    """The employer, as the stage names it."""

    identificacao: str | None


class ExceptionRow(NamedTuple):
    """An exception: of a punch, or of a whole day; or, summed up, several that have one cause. Before these, counts."""

    ordem: int  # 0: `vezes` is the number of all; 1: that of a kind; 2: an exception
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


class ExistenceRow(NamedTuple):
    """Existence of rows."""

    existe: bool


class GapRow(NamedTuple):
    """Numbers of a device that are missing, or one that came twice."""

    dispositivo: str
    situacao: str  # faltam, repetida
    numero_inicial: int
    numero_final: int
    quantas: int  # numbers that are missing, or rows that have the number
    ponto_antes: datetime | None  # of the number before, or the earliest of the rows, UTC; None: there is none
    ponto_depois: datetime  # of the number after, or the latest of the rows, UTC
    desde: datetime  # since when it shows, UTC


class IdCountRow(NamedTuple):
    """Numbers of punches that were received, and of those with a random id, which slows a large table down."""

    recebidas: int
    aleatorias: int


class MinuteRow(NamedTuple):
    """A minute of the intake; or several, in sum."""

    minuto: datetime  # when it begins
    batidas: int
    recebidas: int
    gravadas: int
    fila: int  # the most
    idade: timedelta | None  # the longest

    @property
    def is_busy(self) -> bool:
        """Whether anything happened in it."""
        return any((self.batidas, self.recebidas, self.gravadas, self.fila, self.idade))


class MonthRow(NamedTuple):
    """A month of which there is something."""

    mes: date  # its first day


class PersonRow(NamedTuple):
    """An employee's time zone, and row of funcionario."""

    fuso: str
    funcionario: dict[str, Any] | None


class RecordRow(NamedTuple):
    """A row of a table, all columns by their names."""

    registro: dict[str, Any]


class TotalsRow(NamedTuple):
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
    zona_mudou_em: datetime | None = None  # zone or cut-off, after the instant of which it is; None: they did not


class WorkingDayRow(NamedTuple):
    """Begin and end of a working day."""

    inicio: datetime
    fim: datetime


ARRIVALS = Statement("arrivals", ArrivalRow)
CARDS = Statement("cards", CardRow)
CHANGES = Statement("changes", ChangeRow)
CORRECTIONS = Statement("corrections", ArrivalRow)
CUTOFFS = Statement("cutoffs", CutoffRow)
EMPLOYEE_ZONE = Statement("employee_zone", ZoneRow)
EMPLOYEES = Statement("employees", EmployeeRow)
EMPLOYER = Statement("employer", EmployerRow)
EXCEPTIONS = Statement("exceptions", ExceptionRow)
GAPS = Statement("gaps", GapRow)
PEAK = Statement("peak", MinuteRow)
PERSON = Statement("person", PersonRow)
PERSON_MONTHS = Statement("person_months", MonthRow)
PERSON_PUNCHES = Statement("person_punches", RecordRow)
PUNCHED = Statement("punched", ExistenceRow)
RANDOM_IDS = Statement("random_ids", IdCountRow)
RECEIVED = Statement("received", ExistenceRow)
TOTALS = Statement("totals", TotalsRow)
WORKING_DAY = Statement("working_day", WorkingDayRow)
ZONES = Statement("zones", ZoneRow)
