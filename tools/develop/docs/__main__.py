"""`make docs`: generate parts of documents and files from the code, and print the names of those that changed."""

import sys
from contextlib import closing

import psycopg2

from tools.develop.docs import files
from tools.kit.project import ROOT
from tools.local import temporary


def main() -> None:
    """Write each file whose text has changed."""
    with temporary.migrated_database() as url, closing(psycopg2.connect(url)) as connection:
        texts = files.generate(connection)
    for path, text in texts.items():
        if path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
