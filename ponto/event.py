"""Declaration of an event, such as the punch of `punch.py`, and what follows from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from ponto.derived_id import derive_id
from ponto.fields import Field

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _fixed_point(value: Decimal) -> str:
    return f"{value:f}"


_COMPARABLE: dict[str, Callable[[Any], Any]] = {"timestamp": _microseconds, "decimal": _fixed_point}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Event:
    """Declaration of an event. `tools/new/declaration.py` checks it, not this class, which is imported by functions.

    Columns are those of the table. On the wire a field has its column's name in camel case, and is required if it has
    no default.
    """

    row: type[Any]  # NamedTuple with the columns; annotations of the columns that are sent hold a `Kind`
    noun: tuple[str, str]  # singular and plural
    subject_noun: tuple[str, str]  # of what the subject's number identifies
    service: str  # name of the service, and prefix of the names of its resources
    path: str  # to which events are posted
    table: str
    subject: str  # column of the number by which events are found
    instant: str  # column of the time of the event
    device: str | None = None  # column with the name of the sending device, which commands show
    offset: str | None = None  # column of the UTC offset that was sent with the instant, in minutes east
    same: tuple[str, ...]  # columns that an event must share with a stored event of the same id; else the ids conflict
    derived_id: tuple[str, ...] | None  # columns from which, with the instant, an id is derived; None: id is required
    examples: tuple[Mapping[str, Any], ...]  # two valid bodies
    conflicting: tuple[Mapping[str, Any], Mapping[str, Any]]  # valid bodies that conflict if they have the same id

    @cached_property
    def fields(self) -> dict[str, Field]:
        """Fields of the body, keyed and ordered by column."""
        optional = {*self.row._field_defaults, *(() if self.derived_id is None else ("id",))}
        return {
            column: Field(_camel_case(column), hint.__metadata__[0], required=column not in optional)
            for column, hint in self.row.__annotations__.items()
            if hasattr(hint, "__metadata__")
        }

    @cached_property
    def fields_required_first(self) -> tuple[Field, ...]:
        """The same fields, required ones first: the order of the documents and of error messages."""
        return tuple(sorted(self.fields.values(), key=lambda field: not field.required))

    @cached_property
    def time_columns(self) -> tuple[str, ...]:
        """Columns with times. Times that were sent without an offset are local in the stage's time zone."""
        return tuple(column for column, field in self.fields.items() if field.kind.name == "timestamp")

    def subject_id(self, row: Any) -> int:
        """Return the number of a row's subject. If the stage has a user pool, it must be the signed-in subject's."""
        number: int = getattr(row, self.subject)
        return number

    def comparison_key(self, row: Any) -> dict[str, Any]:
        """Return the values, by column, that a row must share with a stored row of the same id.

        `sql/existing.sql` returns the same values: instants in microseconds since the epoch, decimals as text.
        """
        return {column: convert(getattr(row, column)) for column, convert in self._comparable}

    def derive_id(self, row: Mapping[str, Any]) -> str:
        """Return the id of a row that was sent without one. Every retry gets the same id."""
        return derive_id("|".join([str(row[column]) for column in self.derived_id or ()]), row[self.instant])

    @cached_property
    def _comparable(self) -> list[tuple[str, Callable[[Any], Any]]]:
        return [(column, _COMPARABLE.get(self.fields[column].kind.name, lambda value: value)) for column in self.same]


def _camel_case(column: str) -> str:
    first, *others = column.split("_")
    return first + "".join(map(str.capitalize, others))
