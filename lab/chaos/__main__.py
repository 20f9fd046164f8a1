"""`make chaos`: break everything under the running local stack while clients punch, then prove what became of each.

The promise: after a 202 a punch ends as exactly one row, or in the dead-letter queue with its reason.
"""

import contextlib
import json
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import click
import psutil
import psycopg2
from botocore.exceptions import BotoCoreError

from lab.chaos.messages import make_messages
from lab.chaos.traffic import Traffic
from lab.faults import FaultKind
from loadtest.ledger import DeadLetteredMessage, Ledger, build_ledger
from loadtest.rows import read_rows
from tools.kit import commands, local_stack, queue_reader
from tools.kit import options as opt
from tools.kit.client import NoFinalResponseError
from tools.kit.local_stack import STATE, Address
from tools.kit.output import camel_case, print_json
from tools.kit.queue_reader import QueueReader
from tools.kit.stopping import StopSignalError, raise_on_first_signal
from tools.local import emulator, postgres
from tools.local.errors import LocalError
from tools.local.faults import DatabaseFaults, kill_worker

_EPILOG = """examples:
  make chaos                                         20,000 punches, two to three minutes
  make chaos ARGS="--punches 2000 --clients 10"
  make chaos ARGS="--seed 7 --state /tmp/ponto"      the same choices again, on another stack

exit status: 0 every accepted message has exactly one end, 1 not so or not proven, 2 no stack runs, 130 after Ctrl-C
"""

# Seconds that a fault lasts. A lock outlasts the lock timeout, 3 s; a standstill the function's, 10 s.
_DURATION_SECONDS: dict[str, tuple[float, float]] = {FaultKind.LOCKED: (4, 6), FaultKind.FROZEN: (11, 13)}
_DEFAULT_DURATION_SECONDS = (1, 4)
_CALM_SECONDS = (1, 2)  # s between two faults
_TICK_SECONDS = 0.25  # s
_KILL_PROBABILITY = 0.15  # how likely a worker is killed, each tick
_PROGRESS_SECONDS = 2  # s between lines of progress


class ChaosResult(NamedTuple):
    """Result of a run."""

    seed: int
    accepted: int
    queued: int  # still in the queue when the waiting ended; they are among the lost
    ledger: Ledger
    seconds: float
    faults: dict[str, int]  # by kind
    failed_tries: dict[str, int]  # of clients that ended without a 202

    def summary(self) -> dict[str, Any]:
        """Return it for JSON: numbers, and the first few messages without exactly one end."""
        ledger = self.ledger
        wrong = {"lost": ledger.lost, "stored_twice": ledger.stored_twice, "misplaced": ledger.misplaced}
        return {
            "seed": self.seed,
            "accepted": self.accepted,
            "stored": ledger.stored,
            "duplicates": ledger.duplicates,
            "dead_letters": ledger.dead_letters,
            **{name: len(found) for name, found in wrong.items()},
            "queued": self.queued,
            "seconds": round(self.seconds, 1),
            "faults": self.faults,
            "tries_without_202": self.failed_tries,
            "examples": {name: found[:20] for name, found in wrong.items() if found},
        }


class Chaos:
    """One run."""

    def __init__(self, address: Address, state: Path, punches: int, clients: int, seed: int) -> None:
        """Choose the messages.

        Args:
            address: the running stack's.
            state: its folder.
            punches: how many messages are sent.
            clients: how many at once.
            seed: decides what is sent, and which fault comes when. Ids and employees are new in each run.
        """
        self._address = address
        self._seed = seed
        self._rng, self._kill_rng = Random(seed), Random(seed)  # noqa: S311  one each: what a seed repeats is the order
        self._employees = range(first := Random().randrange(10**6, 9 * 10**6) * 10**9, first + punches)  # noqa: S311
        self._messages = make_messages(self._rng, punches, first)
        self._traffic = Traffic(address, self._messages, clients, seed)
        self._faults = DatabaseFaults(postgres.attach(state / "postgres"))
        self._emulator = psutil.Process(int((state / "emulator.pid").read_text()))
        self._sqs = address.client("sqs")
        queue = self._sqs.get_queue_attributes(QueueUrl=address.queue_url, AttributeNames=["VisibilityTimeout"])
        self._visibility = int(queue["Attributes"]["VisibilityTimeout"])  # s
        self._fault_counts: Counter[str] = Counter()
        self._printed_at = 0.0

    def run(self) -> ChaosResult:
        """Do it all: break, mend, wait until the queue is empty, and find the end of each message.

        Raises:
            LocalError: the gateway refused a good punch.
            GivenUpError: it accepted none for minutes.
        """
        started_at = time.monotonic()
        self._faults.mend()
        try:
            self._traffic.start()
            self._inject_faults()
        finally:
            self._traffic.stop()
            self._faults.mend()
        queued = self._wait_until_drained()
        ledger = self._build_ledger()
        return ChaosResult(
            self._seed,
            len(self._traffic.accepted),
            queued,
            ledger,
            time.monotonic() - started_at,
            dict(sorted(self._fault_counts.items())),
            dict(sorted(self._traffic.failed_tries.items())),
        )

    def _inject_faults(self) -> None:
        """Do every fault in turn, in rounds, until all is sent and each has happened."""
        kinds = self._faults.kinds
        while True:
            for kind in self._rng.sample(list(kinds), len(kinds)):
                with kinds[kind]():
                    self._hold_fault(self._rng.uniform(*_DURATION_SECONDS.get(kind, _DEFAULT_DURATION_SECONDS)), kind)
                self._fault_counts[kind] += 1
                self._hold_fault(self._rng.uniform(*_CALM_SECONDS), "calm")
                if len(self._fault_counts.keys() & kinds) == len(kinds) and not self._traffic.is_sending():
                    return

    def _hold_fault(self, seconds: float, what: str) -> None:
        """Let a fault last, while workers are killed."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._print_progress(what)
            self._traffic.is_sending()  # for what it raises
            if self._kill_rng.random() < _KILL_PROBABILITY and kill_worker(self._emulator, self._kill_rng):
                self._fault_counts[FaultKind.KILLED] += 1
            time.sleep(_TICK_SECONDS)

    def _wait_until_drained(self) -> int:
        """Wait while the queue gets shorter, and return how many stayed in it.

        What failed last comes back after the visibility timeout, and is stored within a function's timeout.
        """
        shortest, deadline = sys.maxsize, 0.0
        while depth := self._depth():
            self._print_progress("draining")
            if depth < shortest:
                shortest, deadline = depth, time.monotonic() + 2 * self._visibility + 30
            if time.monotonic() > deadline:
                break
            time.sleep(_TICK_SECONDS)
        return depth

    def _build_ledger(self) -> Ledger:
        accepted = self._traffic.accepted
        connection = psycopg2.connect(self._address.database_url)
        with contextlib.closing(connection):
            rows = read_rows(connection, self._employees)
        # Who hung up does not know the id of what may have been accepted; the body tells it is of this run.
        bodies = {message.body for message in self._messages}
        reader = QueueReader(self._sqs, self._address.dlq_url)
        try:
            reader.receive_all()
            ours = [found for found in reader.messages if found.message_id in accepted or found.body in bodies]
            ledger = build_ledger(
                accepted, rows, [DeadLetteredMessage(each.message_id, each.reason, each.body) for each in ours]
            )
            if ledger.is_clean:  # otherwise somebody wants to look at them
                reader.delete(ours)
        finally:
            reader.put_back()
        return ledger

    def _depth(self) -> int:
        return queue_reader.depth(self._sqs, self._address.queue_url).total

    def _print_progress(self, what: str) -> None:
        if time.monotonic() > self._printed_at + _PROGRESS_SECONDS:
            self._printed_at = time.monotonic()
            sent = f"accepted {len(self._traffic.accepted):,} of {len(self._messages):,}"
            _print(f"{time.strftime('%H:%M:%S')}  {sent}  queued {self._depth():,}  {what}")


@commands.command(epilog=_EPILOG)
@click.option("--punches", type=opt.POSITIVE, default=20_000, help="Messages to send.")
@click.option("--clients", type=opt.POSITIVE, default=50, help="Connections at once.")
@click.option("--seed", type=int, help="Of what is sent and which fault comes when (default: random).")
@opt.state
def chaos(punches: int, clients: int, seed: int | None, state: Path | None) -> int:
    """Break the running local stack under load, and prove that nothing is lost.

    Punches while workers are killed and the database is stopped, locked, frozen, made read-only, filled and closed;
    then finds the end of every accepted message, and prints the summary as JSON. Writes chaos/summary.json into the
    stack's folder. Dead letters of the run are taken from the queue once counted, if nothing was lost. The rows stay.
    """
    emulator.isolate()
    state = state or STATE
    address = local_stack.find(state)
    seed = Random().randrange(2**32) if seed is None else seed  # noqa: S311
    _print(f"seed {seed}")
    raise_on_first_signal(lambda _: _print("\nmending ..."))
    try:
        result = Chaos(address, state, punches, clients, seed).run()
    except LocalError as error:
        _print_error(str(error))
        return 1
    except (BotoCoreError, NoFinalResponseError, psycopg2.Error, psutil.Error) as error:
        _print_error(f"the stack does not answer any more; look whether make run still runs: {error}")
        return 1
    except StopSignalError:
        _print_error("stopped; everything is mended, nothing is proven")
        return 130

    summary = result.summary()
    file = state / "chaos" / "summary.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(summary, indent=2) + "\n")
    print_json(camel_case(summary))
    if not result.ledger.is_clean:
        _print_error(f"not every accepted message has exactly one end; {file} names some")
        return 1
    _print("every accepted message has exactly one end")
    return 0


def main() -> int:
    """Run the command line of the process."""
    return commands.run(chaos, "make chaos")


def _print(line: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone: what is broken is mended all the same
        print(line, file=sys.stderr, flush=True)


def _print_error(what: str) -> None:
    _print(f"make chaos: {what}")


if __name__ == "__main__":
    commands.exit_on_sigterm()
    sys.exit(main())
