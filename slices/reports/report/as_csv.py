"""Tables as CSV: the database's names, ISO 8601, points as decimal separators, whatever the language.

Text that somebody typed or a device sent is no formula: a spreadsheet runs what begins with =, +, - or @, so an
apostrophe goes before it, as OWASP advises. Also inside of a text, where a spreadsheet that expects another separator
begins a cell, behind what nobody sees, and before the full-width characters, which some take for the same.
"""

import csv
import re
from typing import IO, Any

from ponto.fields import BLANK
from slices.reports.report.i18n import whole
from slices.reports.report.table import Table, plain

SEPARATORS = (",", ";")

_FORMULA = re.compile(rf"""(^|[;,\t\n"'])([{BLANK}]*)(?=[-=+@\uff1d\uff0b\uff0d\uff20])""")


def write(out: IO[str], table: Table, separator: str = SEPARATORS[0]) -> None:
    """Write rows as they come; several times in a cell have spaces between."""
    write_row = csv.writer(out, delimiter=separator, lineterminator="\n").writerow
    names = table.keys()
    write_row(names)
    for row in table.rows:
        write_row([_cell(name, plain(value)) for name, value in zip(names, row, strict=True)])


def _cell(name: str, value: Any) -> Any:
    match value:
        case str() if name == "cpf":  # of digits alone a spreadsheet makes a number, without the zeros in front
            return whole(value)
        case bool():
            return "true" if value else "false"
        case list():
            return " ".join(map(str, value))
        case str():  # csv puts a carriage return in no quotes
            return _FORMULA.sub(r"\1\2'", value.replace("\r", " "))
    return value
