"""Tables of rows for a terminal or a file."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ponto.shared.fields import INVISIBLE_CHARACTERS

# Spreadsheets run text that begins with =, +, - or @ as a formula, so an apostrophe is inserted before it, as OWASP
# advises. This also applies after a separator inside a text, where a spreadsheet with other settings begins a cell,
# after invisible characters, and to the full-width forms of the four characters.
_FORMULA = re.compile(rf"""(^|[;,\t\n"'])([{INVISIBLE_CHARACTERS}]*)(?=[-=+@\uff1d\uff0b\uff0d\uff20])""")


class Column(NamedTuple):
    """A column of a table as text."""

    name: str
    align_right: bool = False  # for numbers
    wraps: bool = False  # between words, if there is no room; not for ids and times
    min_width: int = 0  # of a column that wraps; 0: that of its longest word, up to a limit
    max_width: int = 0  # longer cells are cut; 0: they are not
    is_optional: bool = False  # may be left out


def show(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print rows as a table; columns without room go to further, indented lines of their row."""
    from tools.kit import console, table_layout  # here, as importing Rich takes longer than `ponto --help`

    table_layout.write(console.Console(), columns, [*rows])


def csv_text(text: str) -> str:
    """Return a text as a cell of a CSV file that no spreadsheet runs as a formula."""
    return _FORMULA.sub(r"\1\2'", text.replace("\r", " "))  # the module csv does not quote a carriage return
