"""`make rows`: the newest rows of the running local stack."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click
import psycopg2
from psycopg2 import sql

from ponto.punch import EVENT
from ponto.shared.sql_names import SCHEMA
from tools.kit import commands, local_stack, shared_options, tables
from tools.kit.errors import CommandError
from tools.kit.event import DISPLAYED_COLUMNS
from tools.kit.output import print_result
from tools.kit.tables import Column
from tools.local import postgres

_NEWEST = sql.SQL("""
select id::text, round(extract(epoch from gravada_em - recebida_em), 1) || ' s', {shown}
from {table} order by gravada_em desc limit %s
""").format(
    shown=sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in DISPLAYED_COLUMNS),
    table=sql.Identifier(SCHEMA, EVENT.table),
)


def _column(name: str) -> Column:
    if name in EVENT.time_columns:
        return Column(name)
    is_text = EVENT.fields[name].kind.column_type == "text"
    return Column(name, wraps=True) if is_text else Column(name, align_right=True)


_COLUMNS = (
    Column("id"),
    Column("waited", align_right=True),
    *map(_column, DISPLAYED_COLUMNS),  # the device last, as 80 columns have no room for it
)

_EPILOG = """examples:
  make rows
  make rows ARGS=50

exit status: 0 done, 1 the database does not answer, 2 the request is wrong, or no local stack runs
"""


@commands.command(epilog=_EPILOG)
@click.argument("count", type=shared_options.POSITIVE, default=10)
@shared_options.state
def rows(count: int, state: Path | None) -> None:
    """Print the newest COUNT rows of the running local stack (default 10)."""
    address = local_stack.find(state, suggests_stage=False)
    try:
        newest = postgres.fetch(address.database_url, _NEWEST, [count])
    except psycopg2.OperationalError as error:
        reason = " ".join(str(error).split())
        message = f"the local stack runs, but its database does not answer: {reason}; repeat the command in a moment"
        raise CommandError(message, 1) from None
    tables.show(_COLUMNS, [[value or "" for value in row] for row in newest])
    print_result(f"the newest {len(newest)}")


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; see `commands.run`."""
    return commands.run(rows, "make rows", words)


if __name__ == "__main__":
    sys.exit(main())
