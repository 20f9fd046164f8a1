"""Tables of parameters, from their declarations."""

from collections.abc import Iterable, Mapping
from typing import Any

from tools.kit import parameters, slices

_HEAD = """| parameter | default | stages | unit or values | what it is, and when to change it |
|---|---|---|---|---|"""


def table(first: str, last: str) -> str:
    """Return the table of the reference's parameters from one to another, in the order of their declarations."""
    with slices.absent():
        names = list(parameters.declarations())
    return _table(names[names.index(first) : names.index(last) + 1])


def table_of(name: str) -> str:
    """Return the table of a slice's parameters."""
    (declared,) = (parameters.of_slice(each) for each in slices.installed() if each.name == name)
    return _table(declared)


def _table(names: Iterable[str]) -> str:
    declared, stages = parameters.declarations(), parameters.stages()
    rows = []
    for name in names:
        others = ", ".join(f"{stage} {_value(own[name])}" for stage, own in stages.items() if name in own)
        each = declared[name]
        cells = (f"`{name}`", _value(each["default"]), others, _unit(each), each["reason"])
        rows.append(f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |"))
    return "\n".join([_HEAD, *rows])


def _value(value: str | list[str]) -> str:
    if isinstance(value, list):
        return f"`[{', '.join(value)}]`"
    return f"`{value}`" if value else "empty"


def _unit(declaration: Mapping[str, Any]) -> str:
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
