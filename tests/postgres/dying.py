"""The drain in a process that kills itself at a point of its batch: `python -m tests.postgres.dying POINT FOLDER`.

Reads records and the database's URL as JSON from standard input. Dead letters are lines of FOLDER/dead_letters, which,
unlike a queue in memory, outlive the process.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from psycopg2.extensions import parse_dsn

from ponto.connection import TIMEOUTS
from ponto.dead_letters import DeadLetters, Rejection
from ponto.drain import Drain
from ponto.session import Session
from ponto.store import Store

POINTS = ("before the statement", "after the statement", "before the dead letters", "after the dead letters")


def die_at(point: str) -> None:
    """Kill this process if this is where it is to die."""
    if sys.argv[1] == point:
        os.kill(os.getpid(), signal.SIGKILL)


class DyingSession(Session):
    """Dies around its first statement."""

    def execute(self, statement: str, values: Mapping[str, object], deadline: float) -> list[tuple[Any, ...]]:
        """Run it; as in `Session`."""
        die_at("before the statement")
        rows = super().execute(statement, values, deadline)
        die_at("after the statement")
        return rows


class Paper:
    """Dead letters on paper."""

    def send(self, rejections: Sequence[Rejection], deadline: float) -> dict[str, str]:
        """Write them down; as in `DeadLetters`."""
        assert deadline > time.monotonic()
        die_at("before the dead letters")
        with (Path(sys.argv[2]) / "dead_letters").open("a") as paper:
            for rejection in rejections:
                paper.write(rejection.record["messageId"] + "\n")
        die_at("after the dead letters")
        return {}


def main() -> None:
    """Process the records, and print the ids of those that have to come back."""
    given = json.load(sys.stdin)
    store = Store(dict)
    store._session = DyingSession(lambda: parse_dsn(given["url"]), TIMEOUTS)
    drain = Drain(ZoneInfo("America/Sao_Paulo"), store, cast(DeadLetters, Paper()))
    processed = drain.process(given["records"], time.monotonic() + 60)
    sys.stdout.write(json.dumps(list(processed.failures)))


if __name__ == "__main__":
    main()
