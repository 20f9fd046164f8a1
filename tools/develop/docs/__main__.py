"""`make docs`: generate parts of documents and files from the code, and print the names of those that changed."""

import sys
from collections.abc import Sequence
from contextlib import closing

import psycopg2

from tools.develop.docs import files
from tools.kit import commands
from tools.kit.output import print_result
from tools.kit.project import ROOT
from tools.local import temporary


@commands.command(epilog="example:\n  make docs\n")
def docs() -> None:
    """Generate parts of documents and files from the code, and print the names of those that changed."""
    with temporary.migrated_database() as url, closing(psycopg2.connect(url)) as connection:
        texts = files.generate(connection)
    for path, text in texts.items():
        if path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print_result(str(path.relative_to(ROOT)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; see `commands.run`."""
    return commands.run(docs, "make docs", arguments)


if __name__ == "__main__":
    sys.exit(main())
