"""`make rows`: what the running local stack has stored last."""

import argparse
import json
import sys
from pathlib import Path

import psycopg2

from tools.kit.output import printable
from tools.local.stack import ROOT

_NEWEST = """
select id, usuario_id, ponto, coalesce(dispositivo, ''), gravada_em - recebida_em
from batida order by gravada_em desc limit %s
"""


def main() -> int:
    """Print the newest rows; the exit status is 1 when no stack runs."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.local.rows",
        description="The newest rows of batida, in the database of the running local stack.",
        epilog="example:\n  make rows ARGS=50",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("count", type=_positive, nargs="?", default=10, help="how many (default 10)")
    parser.add_argument("--state", type=Path, default=ROOT / ".local", help="the stack's folder (default .local)")
    arguments = parser.parse_args()
    try:
        address = json.loads((arguments.state / "stack.json").read_text())
    except FileNotFoundError:
        print("make rows: nothing runs here; start it with make run", file=sys.stderr)
        return 1
    try:
        connection = psycopg2.connect(address["database_url"], hostaddr="")  # not where PGHOSTADDR points
    except psycopg2.OperationalError:
        print("make rows: it does not run any more; start it with make run", file=sys.stderr)
        return 1
    try:
        with connection.cursor() as cursor:
            cursor.execute(_NEWEST, [arguments.count])
            print(f"{'id':36}  {'usuario_id':>10}  {'ponto':32}  {'dispositivo':12}  waited")
            for identifier, employee, instant, sent, waited in cursor:
                device = _cut(printable(sent), 12)
                print(f"{identifier}  {employee:>10}  {instant.isoformat():32}  {device:12}  {waited}")
            print(f"the newest {cursor.rowcount}")
    finally:
        connection.close()
    return 0


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
