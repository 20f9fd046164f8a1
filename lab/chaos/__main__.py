"""`make chaos`: injects faults into the running local stack under load, then checks the end of every message.

After a 202, a punch must end as exactly one row, or in the dead-letter queue with a reason.
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
from tools.kit import commands, local_stack, queue_reader, shared_options
from tools.kit.client import NoFinalResponseError
from tools.kit.local_stack import STATE, Address
from tools.kit.output import camel_case, print_json
from tools.kit.queue_reader import QueueReader
from tools.kit.stopping import StopSignalError, raise_on_first_signal
from tools.local import emulator, postgres
from tools.local.faults import DatabaseFaults, kill_worker

_EPILOG = """examples:
  make chaos                                         20,000 punches, two to three minutes
  make chaos ARGS="--punches 2000 --clients 10"
  make chaos ARGS="--seed 7 --state /tmp/ponto"      the same random choices, on another stack

exit status: 0 every accepted message has exactly one end, 1 a message has not or the run failed, 2 no stack runs,
130 after Ctrl-C
"""

# Minimum and maximum durations. A lock lasts longer than the lock timeout, 3 s; a freeze longer than the timeout of the
# function, 10 s.
_DURATION_SECONDS: dict[str, tuple[float, float]] = {FaultKind.LOCKED: (4, 6), FaultKind.FROZEN: (11, 13)}
_DEFAULT_DURATION_SECONDS = (1, 4)
_CALM_SECONDS = (1, 2)  # between two faults
_TICK_SECONDS = 0.25
_KILL_PROBABILITY = 0.15  # that a worker is killed, at each tick
_PROGRESS_SECONDS = 2  # between lines of progress


class ChaosResult(NamedTuple):
    """Result of a run."""

    seed: int
    accepted: int
    queued: int  # messages that stayed in the queue; the ledger counts them as lost
    ledger: Ledger
    seconds: float
    faults: dict[str, int]  # by kind

    def summary(self) -> dict[str, Any]:
        """Return the numbers, and the first messages without exactly one end, for JSON."""
        ledger = self.ledger
        wrong = {"lost": ledger.lost, "stored_twice": ledger.stored_twice, "misplaced": ledger.misplaced}
        return {
            "seed": self.seed,
            "accepted": self.accepted,
            "stored": ledger.stored,
            "duplicates": ledger.duplicates,
            "dead_letters": ledger.dead_letters,
            **{name: len(messages) for name, messages in wrong.items()},
            "queued": self.queued,
            "seconds": round(self.seconds, 1),
            "faults": self.faults,
            "examples": {name: messages[:20] for name, messages in wrong.items() if messages},
        }


class Chaos:
    """One run of faults under load."""

    def __init__(self, address: Address, state: Path, punches: int, clients: int, seed: int) -> None:
        """Draw the messages.

        Args:
            address: address of the running stack.
            state: folder of the stack.
            punches: number of messages.
            clients: number of concurrent clients.
            seed: determines the messages and the order of the faults, but not ids and employees, which are always new.
        """
        self._address = address
        self._seed = seed
        self._rng, self._kill_rng = Random(seed), Random(seed)  # two, so that kills do not change the order of faults
        self._employees = range(first := Random().randrange(10**6, 9 * 10**6) * 10**9, first + punches)
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
        """Inject faults under load, undo them, wait until the queue is empty, and find the end of each message.

        Raises:
            LocalError: the gateway refused a good punch.
            NoFinalResponseError: the gateway accepted no punch for ten minutes.
        """
        started_at = time.monotonic()
        self._faults.undo_all()
        try:
            self._traffic.start()
            self._inject_faults()
        finally:
            self._traffic.stop()
            self._faults.undo_all()
        queued = self._wait_until_drained()
        ledger = self._build_ledger()
        return ChaosResult(
            self._seed,
            len(self._traffic.accepted),
            queued,
            ledger,
            time.monotonic() - started_at,
            dict(sorted(self._fault_counts.items())),
        )

    def _inject_faults(self) -> None:
        """Inject the faults in random order, in rounds, until all messages are sent and each fault has occurred."""
        kinds = self._faults.kinds
        while True:
            for kind in self._rng.sample(list(kinds), len(kinds)):
                with kinds[kind]():
                    self._hold_fault(self._rng.uniform(*_DURATION_SECONDS.get(kind, _DEFAULT_DURATION_SECONDS)), kind)
                self._fault_counts[kind] += 1
                self._hold_fault(self._rng.uniform(*_CALM_SECONDS), "calm")
                if len(self._fault_counts.keys() & kinds) == len(kinds) and not self._traffic.is_sending():
                    return

    def _hold_fault(self, seconds: float, fault: str) -> None:
        """Wait while a fault lasts, and kill workers at random."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._print_progress(fault)
            self._traffic.is_sending()  # raises errors of the clients
            if self._kill_rng.random() < _KILL_PROBABILITY and kill_worker(self._emulator, self._kill_rng):
                self._fault_counts[FaultKind.KILLED] += 1
            time.sleep(_TICK_SECONDS)

    def _wait_until_drained(self) -> int:
        """Wait as long as the queue gets shorter; return the number of messages that stay in it.

        A message that failed last is delivered again after the visibility timeout, and stored within the timeout of the
        function.
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
        # A client that disconnected does not know the id of its message; the body shows that it belongs to this run.
        bodies = {message.body for message in self._messages}
        reader = QueueReader(self._sqs, self._address.dlq_url)
        try:
            reader.receive_all()
            run_dead_letters = [
                letter for letter in reader.messages if letter.message_id in accepted or letter.body in bodies
            ]
            ledger = build_ledger(
                accepted,
                rows,
                [DeadLetteredMessage(letter.message_id, letter.reason, letter.body) for letter in run_dead_letters],
            )
            if ledger.is_clean:  # otherwise they stay as evidence
                reader.delete(run_dead_letters)
        finally:
            reader.put_back()
        return ledger

    def _depth(self) -> int:
        return queue_reader.depth(self._sqs, self._address.queue_url).total

    def _print_progress(self, fault: str) -> None:
        if time.monotonic() > self._printed_at + _PROGRESS_SECONDS:
            self._printed_at = time.monotonic()
            sent = f"accepted {len(self._traffic.accepted):,} of {len(self._messages):,}"
            _print(f"{time.strftime('%H:%M:%S')}  {sent}  queued {self._depth():,}  {fault}")


@commands.command(epilog=_EPILOG)
@click.option("--punches", type=shared_options.POSITIVE, default=20_000, help="Number of messages to send.")
@click.option("--clients", type=shared_options.POSITIVE, default=50, help="Number of concurrent connections.")
@click.option("--seed", type=int, help="Seed of the messages and faults (default: random).")
@shared_options.state
def chaos(punches: int, clients: int, seed: int | None, state: Path | None) -> int:
    """Inject faults into the running local stack under load, and prove that nothing is lost.

    Clients punch while workers are killed and the database is stopped, locked, frozen, made read-only, left without
    free connections, and made to refuse new ones. Then the end of every accepted message is determined, and a summary
    is printed as JSON and written to chaos/summary.json in the folder of the stack. The rows stay; if nothing was lost,
    the dead letters of the run are deleted.
    """
    emulator.isolate()
    state = state or STATE
    address = local_stack.find(state, suggests_stage=False)
    seed = Random().randrange(2**32) if seed is None else seed
    _print(f"seed {seed}")
    raise_on_first_signal(lambda _: _print("\nundoing the faults ..."))
    try:
        result = Chaos(address, state, punches, clients, seed).run()
    except (BotoCoreError, NoFinalResponseError, psycopg2.Error, psutil.Error) as error:
        _print_error(f"the stack no longer answers: {error}. Check that make run is still running")
        return 1
    except StopSignalError:
        _print_error("stopped: all faults are undone, but the run proves nothing")
        return 130

    summary = result.summary()
    file = state / "chaos" / "summary.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(summary, indent=2) + "\n")
    print_json(camel_case(summary))
    if not result.ledger.is_clean:
        _print_error(f"some accepted messages do not have exactly one end; see {file}")
        return 1
    _print("every accepted message has exactly one end")
    return 0


def main() -> int:
    """Run the command line of the process."""
    return commands.run(chaos, "make chaos")


def _print(line: str) -> None:
    with contextlib.suppress(OSError):  # if the terminal is closed, the faults must still be undone
        print(line, file=sys.stderr, flush=True)


def _print_error(message: str) -> None:
    _print(f"make chaos: {message}")


if __name__ == "__main__":
    commands.exit_on_sigterm()
    sys.exit(main())
