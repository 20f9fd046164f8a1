"""Declaration of an event, such as the punch of `punch.py`, and what follows from it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from ponto.shared.derived_id import derive_id
from ponto.shared.fields import Field

Subject = Any
"""What an event belongs to: an int, such as an employee's number, or a str. The declaration decides."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _fixed_point(value: Decimal) -> str:
    return f"{value:f}"


_COMPARABLE: dict[str, Callable[[Any], Any]] = {"timestamp": _microseconds, "decimal": _fixed_point}


class Event:
    """Declaration of an event. It does not check its values, because functions import it.

    Columns are those of the table. On the wire a field has its column's name in camel case, and is required if it has
    no default. No dataclass, which takes longer to import.
    """

    def __init__(
        self,
        *,
        row: type[Any],
        noun: tuple[str, str],
        subject_noun: tuple[str, str],
        plural_pt: str | None = None,
        service: str,
        path: str,
        table: str,
        subject: str,
        reserved_subject: Subject,
        instant: str,
        device: str | None = None,
        offset: str | None = None,
        same: tuple[str, ...],
        derived_id: tuple[str, ...] | None,
        examples: tuple[Mapping[str, Any], ...],
        conflicting: tuple[Mapping[str, Any], Mapping[str, Any]],
    ) -> None:
        """Declare an event.

        Args:
            row: NamedTuple with the columns; annotations of the columns that are sent hold a `Kind`.
            noun: singular and plural.
            subject_noun: singular and plural of what the subject identifies.
            plural_pt: plural of the noun in Portuguese, for the view of the local stack.
            service: name of the service, and prefix of the names of its resources.
            path: path to which events are posted.
            table: name of the table.
            subject: column of the subject, by which events are found.
            reserved_subject: the subject of smoke tests, which no other event has.
            instant: column of the time of the event.
            device: column with the name of the sending device, which commands show.
            offset: column of the UTC offset that was sent with the instant, in minutes east.
            same: columns that an event must share with a stored event of the same id; otherwise the ids conflict.
            derived_id: columns from which, with the instant, an id is derived; None: the client must send an id.
            examples: two valid bodies.
            conflicting: valid bodies that conflict if they have the same id.
        """
        self.row: Final = row
        self.noun: Final = noun
        self.subject_noun: Final = subject_noun
        self.plural_pt: Final = plural_pt
        self.service: Final = service
        self.path: Final = path
        self.table: Final = table
        self.subject: Final = subject
        self.reserved_subject: Final = reserved_subject
        self.instant: Final = instant
        self.device: Final = device
        self.offset: Final = offset
        self.same: Final = same
        self.derived_id: Final = derived_id
        self.examples: Final = examples
        self.conflicting: Final = conflicting

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

    def subject_id(self, row: Any) -> Subject:
        """Return the subject of a row. If the stage requires sign-in, it must be the signed-in user's."""
        return getattr(row, self.subject)

    @cached_property
    def subject_type(self) -> type[Any]:
        """Type of a subject: int, or str for the kinds text and enumeration."""
        kind_type: type[Any] = self.row.__annotations__[self.subject].__origin__
        return kind_type

    def parse_subject(self, text: str) -> Subject:
        """Return the subject that a text names, as on a command line. Raises ValueError if there is none."""
        return self.fields[self.subject].kind.parse(self.subject_type(text))

    def comparison_key(self, row: Any) -> dict[str, Any]:
        """Return the values, by column, that a row must share with a stored row of the same id.

        `sql/existing.sql` returns the same values: instants in microseconds since the epoch, decimals as text.
        """
        return {column: convert(getattr(row, column)) for column, convert in self._comparable}

    def derive_id(self, row: Mapping[str, Any]) -> str:
        """Return the id of a row that was sent without one. Every retry gets the same id."""
        return derive_id(self.id_key(row), row[self.instant])

    def id_key(self, row: Mapping[str, Any]) -> str:
        """Return the key from which, with the instant, a row's id is derived: values of columns, joined by `|`."""
        return "|".join([str(row[column]) for column in self.derived_id or ()])

    @cached_property
    def _comparable(self) -> list[tuple[str, Callable[[Any], Any]]]:
        return [(column, _COMPARABLE.get(self.fields[column].kind.name, lambda value: value)) for column in self.same]


def _camel_case(column: str) -> str:
    first, *others = column.split("_")
    return first + "".join(map(str.capitalize, others))
