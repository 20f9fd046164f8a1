"""The parts of a document that are written by the code, each between a mark that says what writes it and another.

<!-- from ponto plan 20000 --stage dev -->
what `ponto plan 20000 --stage dev` prints, in a fence
<!-- end -->
"""

import contextlib
import io
import os
import pkgutil
import re
import shlex
from collections.abc import Callable, Mapping
from functools import partial
from unittest import mock

import psycopg2.extensions

from ponto.database_names import SCHEMA
from tools import cli
from tools.develop.docs import bills, commands, fields, parameters, size
from tools.kit import slices

Writers = Mapping[str, Callable[..., str]]
"""By what stands in the mark, a pattern whose groups are the arguments."""

_WIDTH = "160"  # columns of what a command prints, whatever the developer's terminal has

_PART = re.compile(r"(<!-- (.+?) -->\n)(?:(?!<!-- ).*\n)*?(<!-- end -->)")


def filled(text: str) -> str:
    """Give a document with the parts that need no database written anew.

    Raises:
        ValueError: nothing writes one of them.
    """
    for mark in sources(text):
        if not any(re.fullmatch(pattern, mark) for pattern in [*_WRITERS, *_OF_A_DATABASE]):
            raise ValueError(f"nothing writes what stands below <!-- {mark} -->")
    return _fill(text, _WRITERS)


def filled_from(connection: psycopg2.extensions.connection, text: str) -> str:
    """Give a document with the parts written anew that come from a migrated database."""
    return _fill(text, {mark: partial(write, connection) for mark, write in _OF_A_DATABASE.items()})


def sources(text: str) -> list[str]:
    """Give what stands in the marks of a document."""
    return [mark for _, mark, _ in _PART.findall(text)]


def by_hand(text: str) -> str:
    """Give a document without these parts."""
    return _PART.sub("", text)


def _fill(text: str, writers: Writers) -> str:
    def write(part: re.Match[str]) -> str:
        for pattern, writer in writers.items():
            if found := re.fullmatch(pattern, part[2]):
                return f"{part[1]}{writer(*found.groups()).rstrip()}\n{part[3]}"
        return part[0]

    return _PART.sub(write, text)


def _printed(words: str) -> str:
    output = io.StringIO()
    with contextlib.redirect_stdout(output), mock.patch.dict(os.environ, COLUMNS=_WIDTH), slices.absent():
        cli.main(shlex.split(words))
    lines = [line.rstrip() for line in output.getvalue().rstrip().split("\n")]  # tables are padded
    return "\n".join(["```text", *lines, "```"])


def _columns(connection: psycopg2.extensions.connection, relation: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "select attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum) from pg_attribute"
            " where attrelid = %s::regclass and attnum > 0 order by attnum",
            (f"{SCHEMA}.{relation}",),
        )
        rows = ["| column | type | |", "|---|---|---|"]
        for column, type_, comment in cursor.fetchall():
            short = type_.replace("timestamp with time zone", "timestamptz").replace(" without time zone", "")
            rows.append(f"| `{column}` | {short} | {comment} |")
    return "\n".join(rows)


_WRITERS: Writers = {
    r"from ponto (plan .*)": _printed,
    r"from the prices: an idle month": bills.idle_table,
    r"from the prices: a month of daily trials": bills.trials_table,
    r"from the prices: a million punches": bills.million_table,
    r"from ponto/punch\.schema\.json": fields.table,
    r"from the parameters: (\w+) to (\w+)": parameters.table,
    r"from the parameters of (\w+)": parameters.table_of,
    r"from ponto --help": commands.table,
    r"from ponto --help: (\w+)": commands.table_of,
    r"from the deployed files": size.english,
    r"from the deployed files, in Portuguese": size.portuguese,
    r"from (slices\.[\w.]+:\w+)": lambda function: pkgutil.resolve_name(function)(),
}
_OF_A_DATABASE: Writers = {r"columns: (\w+)": _columns}
