"""Commands that list the rows of a query."""

from collections.abc import Callable, Sequence
from datetime import date, time
from typing import Any

import click

from ponto.read.statements import Query, Row
from tools.kit import commands, reader, shared_options, tables
from tools.kit.output import camel_case, print_json, print_result
from tools.kit.tables import Column
from tools.kit.target import TargetOptions


def row_to_json(row: Any) -> dict[str, Any]:
    """Return the fields of a row by their names in --json; times as ISO 8601."""
    fields = row._asdict().items()
    return camel_case({name: value.isoformat() if isinstance(value, date | time) else value for name, value in fields})


def row_to_cells(row: Any) -> list[str]:
    """Return the fields of a row as strings; None as an empty string."""
    return ["" if value is None else str(value) for value in row]


def command(
    name: str,
    *,
    epilog: str,
    columns: Sequence[Column] | None = None,
    to_cells: Callable[[Row], Sequence[str]] = row_to_cells,
    to_json: Callable[[Row], Any] = row_to_json,
    empty: str = "no rows",
) -> Callable[[Callable[..., Query[Any]]], click.Command]:
    """Return a decorator that makes a command from a function that returns a query.

    The command also has `--json`, and the options that name the database.

    Args:
        name: name of the command.
        epilog: see `commands.command`.
        columns: columns of the table; by default the fields of a row.
        to_cells: converts a row to the cells of the table.
        to_json: converts a row for --json.
        empty: text printed instead of an empty table.
    """

    def decorate(function: Callable[..., Query[Any]]) -> click.Command:
        def call(target_options: TargetOptions, *, as_json: bool, **options: Any) -> None:
            query = function(**options)
            (rows,) = reader.create_reader(target_options).read(query)
            results = list(rows)
            if as_json:
                print_json([to_json(row) for row in results])
            elif not results:
                print_result(empty)
            else:
                tables.show(columns or [*map(Column, query.statement.row_type._fields)], map(to_cells, results))

        call.__module__ = function.__module__  # the module that defines the command
        result = commands.command(name, epilog=epilog)(shared_options.as_json(reader.options(call)))
        result.help = function.__doc__
        result.params[:0] = reversed(getattr(function, "__click_params__", []))
        return result

    return decorate
