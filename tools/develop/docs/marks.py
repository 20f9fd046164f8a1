"""Generated parts of a document, each between a mark that names its generator, and an end mark.

<!-- from ponto plan 20000 --stage dev -->
output of `ponto plan 20000 --stage dev`, in a fence
<!-- end -->
"""

import contextlib
import io
import os
import pkgutil
import re
import shlex
from collections.abc import Callable, Mapping
from unittest import mock

import psycopg2.extensions

from tools import cli
from tools.develop.docs import bills, examples, slice_tables, tables
from tools.kit import slice_manifests

_WIDTH = "160"  # columns of commands' output, independent of the terminal

_PART = re.compile(r"(<!-- (.+?) -->\n)(?:(?!<!-- ).*\n)*?(<!-- end -->)")


def fill(text: str, connection: psycopg2.extensions.connection | None = None) -> str:
    """Return a document with its generated parts; without a database, tables of columns are not changed.

    Raises:
        ValueError: there is no generator for a mark.
    """

    def write(part: re.Match[str]) -> str:
        mark = part[2]
        if relation := re.fullmatch(r"columns: (\w+)", mark):
            return f"{part[1]}{tables.columns(connection, relation[1])}\n{part[3]}" if connection else part[0]
        for pattern, writer in _WRITERS.items():
            if match := re.fullmatch(pattern, mark):
                return f"{part[1]}{writer(*match.groups())}\n{part[3]}"
        raise ValueError(f"there is no generator for <!-- {mark} -->")

    return _PART.sub(write, text)


def _command_output(words: str) -> str:
    output = io.StringIO()
    with (
        contextlib.redirect_stdout(output),
        mock.patch.dict(os.environ, COLUMNS=_WIDTH),
        slice_manifests.without_slices(),
    ):
        cli.main(shlex.split(words))
    lines = [line.rstrip() for line in output.getvalue().rstrip().split("\n")]  # tables are padded
    return "\n".join(["```text", *lines, "```"])


_WRITERS: Mapping[str, Callable[..., str]] = {
    r"from ponto (plan .*)": _command_output,
    r"from the prices: an idle month": bills.idle_table,
    r"from the prices: a month": lambda: bills.totals_table("idle", "with trials on every working day"),
    r"from the prices: um m\u00eas": lambda: bills.totals_table("parado", "com testes em todo dia \u00fatil"),
    r"from ponto/punch\.schema\.json": tables.punch_fields,
    r"from ponto/punch\.py: a body": examples.json_block,
    r"from ponto/punch\.py: a request": examples.request_block,
    r"from ponto/punch\.py: erasure": examples.erasure_block,
    r"from the parameters: (\w+) to (\w+)": tables.base_parameters,
    r"from the parameters of (\w+)": tables.slice_parameters,
    r"from ponto --help(?:: (\w+))?": tables.commands,
    r"from (\S*)\*/README\.md": slice_tables.features,
    r"from (\S*)\*/README\.md: em portugu\u00eas": slice_tables.features_in_portuguese,
    r"from \*\*/examples": slice_tables.examples,
    r"from (slices\.[\w.]+:\w+)": lambda function: pkgutil.resolve_name(function)().rstrip(),
}
"""Generators by the pattern of their mark, whose groups are the arguments."""
