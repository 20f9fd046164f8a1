"""Generated tables of documents: fields of a punch, parameters, commands, columns of the database."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import click
import psycopg2.extensions

from ponto import enabled_slices
from ponto.punch import EVENT
from ponto.shared.sql_names import SCHEMA
from tools import cli
from tools.develop.docs.schema import describe_field
from tools.kit import slice_manifests, stage_parameters
from tools.kit.commands import LazyCommand

_EXIT_STATUS = re.compile(r"^exit status: (.*?)(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)


def punch_fields() -> str:
    """Return the fields of a punch with their types and limits."""
    rows = [
        (
            f"`{field.name}`",
            f"{field.kind.type}, required" if field.required else field.kind.type,
            describe_field(field, EVENT).replace("|", "\\|"),
        )
        for field in EVENT.fields_required_first
    ]
    return table(("field", "type", ""), rows)


def columns(connection: psycopg2.extensions.connection, relation: str) -> str:
    """Return the columns of a table or view with their comments, from a migrated database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum) from pg_attribute"
            " where attrelid = %s::regclass and attnum > 0 order by attnum",
            (f"{SCHEMA}.{relation}",),
        )
        rows = cursor.fetchall()
    return table(
        ("column", "type", ""), [(f"`{name}`", _shorten_type(type_), comment) for name, type_, comment in rows]
    )


def _shorten_type(type_: str) -> str:
    return type_.replace("timestamp with time zone", "timestamptz").replace(" without time zone", "")


def commands(slice_name: str | None = None) -> str:
    """Return the commands of a slice or of the base with their exit statuses; the most common is shown once."""
    slice_commands = {
        name: tuple(f"ponto {command} " for command in commands)
        for name, commands in enabled_slices.collect("commands", "COMMANDS").items()
    }
    all_slice_commands = tuple(chain.from_iterable(slice_commands.values()))
    rows = []
    for name, *texts in leaf_commands():
        command = f"{name} "
        if command.startswith(slice_commands[slice_name]) if slice_name else not command.startswith(all_slice_commands):
            rows.append((f"`{name}`", *texts))
    usual_status, count = Counter(status for *_, status in rows).most_common(1)[0]
    note = ""
    if count > 2:  # shown once, above the table
        note = f"Exit status, where the table has none: {usual_status}.\n\n"
        rows = [(*cells, "" if status == usual_status else status) for *cells, status in rows]
    return note + table(("command", "what it does", "exit status"), rows)


def leaf_commands(
    name: str = "ponto", command: click.Command = cli.ponto, inherited: str = ""
) -> Iterator[tuple[str, str, str]]:
    """Yield name, summary and exit statuses of each command that is not a group."""
    match = _EXIT_STATUS.search(getattr(command, "epilog", None) or "")
    status = " ".join(match[1].split()) if match else inherited
    if isinstance(command, click.Group):
        for subname, subcommand in sorted(command.commands.items()):
            loaded = subcommand.load() if isinstance(subcommand, LazyCommand) else subcommand
            yield from leaf_commands(f"{name} {subname}", loaded, status)
    elif command.help:
        yield name, command.get_short_help_str(limit=200), status


def base_parameters(first: str, last: str) -> str:
    """Return the base's parameters from one to another, in the order of their declarations."""
    with slice_manifests.without_slices():
        names = list(stage_parameters.declarations())
    return _parameters(names[names.index(first) : names.index(last) + 1])


def slice_parameters(name: str) -> str:
    """Return a slice's parameters."""
    (declarations,) = (
        stage_parameters.slice_declarations(manifest)
        for manifest in slice_manifests.enabled_manifests()
        if manifest.name == name
    )
    return _parameters(declarations)


def _parameters(names: Iterable[str]) -> str:
    declarations, stages = stage_parameters.declarations(), stage_parameters.stages()
    rows = []
    for name in names:
        in_stages = (f"{stage} {_format_value(values[name])}" for stage, values in stages.items() if name in values)
        declaration = declarations[name]
        default = "; ".join([_format_value(declaration["default"]), *in_stages])
        rows.append((f"`{name}`", default, _format_unit(declaration), declaration["reason"]))
    return table(("parameter", "default", "unit or values", "meaning"), rows)


def _format_value(value: str | list[str]) -> str:
    if isinstance(value, list):
        return f"`[{', '.join(value)}]`"
    return f"`{value}`" if value else "empty"


def _format_unit(declaration: Mapping[str, Any]) -> str:
    """Return the unit with the range of numbers, or the values of a choice that has no unit."""
    words = [declaration["unit"]] if "unit" in declaration else []
    lowest, highest = declaration.get("min"), declaration.get("max")
    if declaration["type"] == "list":
        words.append("list")
    elif declaration["type"] == "boolean":
        words.append("`true` or `false`")
    elif declaration["type"] == "choice" and not words:
        *others, last = (f"`{value}`" for value in declaration["values"])
        words.append(f"{', '.join(others)} or {last}")
    elif highest:
        words.append(f"{int(lowest or 0):,} to {int(highest):,}")
    elif lowest:
        words.append(f"{lowest} or more")
    if "optional" in declaration:
        words.append("or empty")
    return ", ".join(words)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |") for cells in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])
