"""Statements about requests, each with its row type and its parameters; their SQL is in `reads/`."""

from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from ponto.read import parameter_types as types
from ponto.read.statements import Catalogue
from slices.reports.statements import RecordRow


class RequestRow(NamedTuple):
    """A request with its state and decision."""

    id: str
    situacao: str
    usuario_id: int
    nome: str | None  # None: not in funcionario
    tipo: str
    ponto: datetime | None  # None: the punch was erased
    dia: date | None  # working day of the punch
    local: datetime | None  # `ponto` in the employee's time zone, naive
    batida_id: str | None  # None: a punch is to be added
    motivo: str
    autenticada: bool  # whether the employee had signed in; False: the author is not known
    criada_em: datetime
    aceite: str  # id of the correction that accepts the request
    correcao_id: str | None  # None: no correction of this punch
    correcao_autor: str | None
    correcao_em: datetime | None
    recusa_motivo: str | None  # None: not refused
    recusa_autor: str | None
    recusa_em: datetime | None

    def describe_state(self) -> str:
        """Return the state in English."""
        names = {"aguardando": "waiting", "aceita": "accepted", "desfeita": "undone", "recusada": "refused"}
        return names.get(self.situacao) or f"already corrected by {self.correcao_id}"

    def describe_punch(self) -> str:
        """Return what is asked for, with the local time of the punch."""
        when = f"{self.local:%Y-%m-%d %H:%M}" if self.local else "erased"
        return f"disregard {when}" if self.batida_id else f"add {when}"

    def describe_decisions(self) -> list[str]:
        """Return a line for the correction of the punch, and one for the refusal, with their authors and times."""
        decisions = (
            ("correction", self.correcao_id, self.correcao_autor, self.correcao_em),
            ("refusal", self.recusa_motivo, self.recusa_autor, self.recusa_em),
        )
        return [f"{what}: {text}, by {author}, {at:%Y-%m-%dT%H:%M:%SZ}" for what, text, author, at in decisions if text]


class DayRow(NamedTuple):
    """A working day with punches."""

    dia: date
    pontos: list[datetime]  # punches, instants truncated to the minute
    locais: list[datetime]  # the same in the employee's local time, naive
    minutos: int


STATEMENTS = Catalogue(Path(__file__).parent / "reads")
REQUESTS = STATEMENTS.add(
    "requests",
    RequestRow,
    {"first_id": types.uuid, "last_id": types.uuid, "mes": types.day, "waiting": types.boolean},
)
DAYS_BESIDE = STATEMENTS.add("days_beside", DayRow, {"employee_id": types.integer, "dia": types.day})
PERSON_REQUESTS = STATEMENTS.add("person_requests", RecordRow, {"employee_id": types.integer})
