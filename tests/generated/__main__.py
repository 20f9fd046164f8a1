"""`make docs`: write what follows from the code into documents and files, and name those that changed."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2

from ponto.admin.migrations import migrate
from tests.conftest import TIME_ZONE
from tests.documents import ROOT
from tests.generated import files
from tools.kit import commands
from tools.kit.output import print_result
from tools.local import postgres, temporary


@commands.command(epilog="example:\n  make docs\n")
def docs() -> None:
    """Write what follows from the code into documents and files, and name those that changed."""
    _write(files.from_code())
    with temporary.throwaway() as server:
        parameters: dict[str, Any] = {"host": server.host, "dbname": "postgres", "user": postgres.USER}
        migrate(parameters, TIME_ZONE)
        with closing(psycopg2.connect(**parameters)) as connection:
            _write(files.from_database(connection))


def _write(written: Mapping[Path, str]) -> None:
    for path, text in written.items():
        if path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print_result(str(path.relative_to(ROOT)))


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; see `commands.run`."""
    return commands.run(docs, "make docs", words)


if __name__ == "__main__":
    sys.exit(main())
