"""`make bench`: how fast the handler drains, by batch size, on one connection and a real PostgreSQL.

From the SQS event to the answer, everything included: reading, checking, storing, logging.
"""

import argparse
import contextlib
import io
import json
import os
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import handler
from local import postgres

_EXAMPLES = """examples:
  make bench
  python -m bench.drain --batch 10 100 --punches 50000
  python -m bench.drain --json > drain.json
"""


class _Context:
    """Lambda's, as far as the handler looks at it."""

    aws_request_id = "bench"

    def get_remaining_time_in_millis(self) -> int:
        """Return plenty."""
        return 60_000


class Measure(NamedTuple):
    """One batch size: medians over the rounds."""

    batch: int
    rows_per_second: float
    slowest_rows_per_second: float
    fastest_rows_per_second: float
    milliseconds_per_batch: float


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.drain",
        description="Rows per second of the handler, by batch size; medians of interleaved rounds.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--batch", type=int, nargs="+", default=[10, 100, 1000], help="batch sizes (default 10 100 1000)"
    )
    parser.add_argument("--punches", type=int, default=20_000, help="per size and round (default 20000)")
    parser.add_argument("--rounds", type=int, default=5, help="of all sizes in turn (default 5)")
    parser.add_argument("--json", action="store_true", help="for machines")
    arguments = parser.parse_args()

    with contextlib.ExitStack() as parts:
        folder = Path(
            parts.enter_context(tempfile.TemporaryDirectory(prefix="ponto-bench-", ignore_cleanup_errors=True))
        )
        server = postgres.start(folder / "postgres")
        parts.callback(server.stop)
        os.environ |= {
            "DB_HOST": server.host,
            "DB_NAME": postgres.DATABASE,
            "DB_USER": postgres.USER,
            "DLQ_URL": "unused: every punch is good",
            "TIME_ZONE": "America/Sao_Paulo",
        }
        handler.schema({}, _Context())
        measures = measure(arguments.batch, arguments.punches, arguments.rounds)

    if arguments.json:
        print(json.dumps([found._asdict() for found in measures], indent=2))
        return 0
    print(f"{'batch':>6} {'rows/s':>9} {'(slowest to fastest)':>22} {'ms a batch':>11}")
    for found in measures:
        spread = f"({found.slowest_rows_per_second:,.0f} to {found.fastest_rows_per_second:,.0f})"
        print(f"{found.batch:>6} {found.rows_per_second:>9,.0f} {spread:>22} {found.milliseconds_per_batch:>11.2f}")
    return 0


def measure(sizes: list[int], punches: int, rounds: int) -> list[Measure]:
    """Time the handler for each batch size, the sizes taking turns.

    Args:
        sizes: records per event.
        punches: records per size and round, all new.
        rounds: how often.
    """
    seconds: dict[int, list[float]] = {size: [] for size in sizes}
    for round_ in range(rounds):
        for size in sizes:
            events = [_event(min(size, punches - start)) for start in range(0, punches, size)]
            print(f"round {round_ + 1} of {rounds}, batches of {size}", end="\r", file=sys.stderr, flush=True)
            with contextlib.redirect_stdout(io.StringIO()):
                began = time.perf_counter()
                for event in events:
                    answer = handler.main(event, _Context())
                    if answer["batchItemFailures"]:
                        raise RuntimeError("the handler did not store a good punch: the figure would be worth nothing")
                seconds[size].append(time.perf_counter() - began)
    print(" " * 60, end="\r", file=sys.stderr)
    return [
        Measure(
            batch=size,
            rows_per_second=punches / statistics.median(found),
            slowest_rows_per_second=punches / max(found),
            fastest_rows_per_second=punches / min(found),
            milliseconds_per_batch=1000 * statistics.median(found) / -(-punches // size),
        )
        for size, found in seconds.items()
    ]


def _event(size: int) -> dict[str, Any]:
    now = str(int(time.time() * 1000))
    return {
        "Records": [
            {
                "messageId": str(uuid.uuid4()),
                "body": json.dumps(
                    {"id": str(uuid.uuid4()), "usuarioId": 123, "ponto": "2026-10-01T08:00:00-03:00", "offline": True}
                ),
                "attributes": {"SentTimestamp": now, "ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
            }
            for _ in range(size)
        ]
    }


if __name__ == "__main__":
    sys.exit(main())
