"""`make chaos`: break everything under the running local stack while clients punch, then prove what became of each.

The promise: after a 202 a punch ends as exactly one row, or in the dead-letter queue with its reason.
"""

import contextlib
import json
import sys
import threading
import time
import urllib.parse
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import click
import psutil
import psycopg2
from botocore.exceptions import BotoCoreError
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from lab.faults import Kind
from loadtest.ledger import DeadLetter, Ledger, PunchKey, Sent, judge
from loadtest.rows import rows_of
from ponto.event import WHEN, WHOSE
from ponto.punch import FIELDS, Reason, parse
from tools.kit import commands, event, local_stack, queues
from tools.kit import options as opt
from tools.kit.client import Client, GivenUpError
from tools.kit.local_stack import STATE, Address
from tools.kit.output import camel_case, print_json
from tools.kit.queue_reader import QueueReader
from tools.kit.stopping import Stopped, raise_once
from tools.local import emulator, postgres
from tools.local.errors import LocalError
from tools.local.faults import Faults, kill_worker

_EPILOG = """examples:
  make chaos                                         20,000 punches, two to three minutes
  make chaos ARGS="--punches 2000 --clients 10"
  make chaos ARGS="--seed 7 --state /tmp/ponto"      the same choices again, on another stack

exit status: 0 every accepted message has exactly one end, 1 not so or not proven, 2 no stack runs, 130 after Ctrl-C
"""

_SPREAD = 36  # s over which the punches are spread, if the machine can: one round of all faults
# Seconds that a fault lasts. A lock outlasts the lock timeout, 3 s; a standstill the function's, 10 s.
_SPELLS: dict[str, tuple[float, float]] = {Kind.LOCKED: (4, 6), Kind.FROZEN: (11, 13)}
_SPELL = (1, 4)
_CALM = (1, 2)  # s between two faults
_TICK = 0.25  # s
_KILL = 0.15  # how likely a worker is killed, each tick
_BETWEEN_LINES = 2  # s between lines of progress
_TIMEOUT = 30  # s for a connection to the gateway
_FIRST_WAIT, _LONGEST_WAIT, _PATIENCE = 0.1, 4, 600  # s, of a client whose punch is not accepted
_ACCEPTED = 202

# How likely each kind of message is; the rest are new punches.
_DUPLICATE, _CONFLICT, _POISON = 0.08, 0.03, 0.01
_HANG_UP = 0.01  # how likely a client goes away before the answer, and tries again
_RECENT = 200  # messages among which duplicates find their like, so that the two meet

_EIGHT = datetime(2026, 10, 1, 11, tzinfo=UTC)
_SAO_PAULO = timezone(timedelta(hours=-3))


def _body(**fields: Any) -> str:
    return json.dumps(event.body(1, "2026-10-01T08:00:00Z") | fields)


def _body_without(name: str) -> str:
    return json.dumps({key: value for key, value in json.loads(_body()).items() if key != name})


_NAMES = [field.name for field in FIELDS.values() if "maxLength" in field.limits]
_WHOSE, _WHEN = FIELDS[WHOSE].name, FIELDS[WHEN].name


POISON = {
    "not JSON": (Reason.MALFORMED, "hello"),
    "NaN": (Reason.MALFORMED, _body(id=0).replace(": 0}", ": NaN}")),
    "too deep": (Reason.MALFORMED, "[" * 30_000 + "]" * 30_000),
    "thousands of digits": (Reason.MALFORMED, '{"id": ' + "9" * 60_000 + "}"),
    **{f"half a surrogate pair in {name}": (Reason.MALFORMED, _body(**{name: "\ud800"})) for name in _NAMES},
    "no object": (Reason.INVALID, "[]"),
    "nothing": (Reason.INVALID, "{}"),
    **{f"no {name}": (Reason.INVALID, _body_without(name)) for name in (_WHOSE, _WHEN)},
    "unknown field": (Reason.INVALID, _body(usuarioID=1)),
    "64 KiB": (Reason.INVALID, _body(id="x" * (65_536 - len(_body(id=""))))),
    **{f"NUL in {name}": (Reason.INVALID, _body(**{name: "a\0b"})) for name in _NAMES},
    "10^400": (Reason.INVALID, _body(**{_WHOSE: 10**400})),
    **{
        f"1e400 in {field.name}": (Reason.INVALID, _body(**{field.name: "1e400"}).replace('"1e400"', "1e400"))
        for field in FIELDS.values()
    },
    "impossible date": (Reason.INVALID, _body(**{_WHEN: "2026-02-30T08:00:00Z"})),
    "leap second": (Reason.INVALID, _body(**{_WHEN: "2016-12-31T23:59:60Z"})),
    "year 10000": (Reason.INVALID, _body(**{_WHEN: "10000-01-01T00:00:00Z"})),
    **{detail: (Reason.INVALID, json.dumps(body)) for body, detail in event.REFUSED},
}
"""Bodies that the gateway would refuse, by name: the reason that each is dead-lettered for, and the body."""


def make_messages(chance: Random, punches: int, first_employee: int) -> list[Sent]:
    """Make up what is sent, in order.

    Args:
        chance: decides.
        punches: how many messages.
        first_employee: each new punch is of the next one.
    """
    messages: list[Sent] = []
    for number in range(punches):
        employee, kind = first_employee + number, chance.random()
        recent = [message for message in messages[-_RECENT:] if message.punch]
        sent_ids = [message.punch.id for message in recent if message.punch and '"id"' in message.body]
        if recent and kind < _DUPLICATE:
            messages.append(chance.choice(recent))
        elif sent_ids and kind < _DUPLICATE + _CONFLICT:
            messages.append(_punch(chance, employee, chance.choice(sent_ids)))
        elif kind < _DUPLICATE + _CONFLICT + _POISON:
            _, body = chance.choice(list(POISON.values()))
            messages.append(Sent(None, body))
        else:
            messages.append(_punch(chance, employee, str(uuid.uuid4()) if chance.random() < 0.75 else None))
    return messages


def _punch(chance: Random, employee: int, punch_id: str | None) -> Sent:
    instant = _EIGHT + timedelta(milliseconds=chance.randrange(8 * 3_600_000))
    written = instant.astimezone(chance.choice([UTC, _SAO_PAULO])).isoformat()
    fields = event.body(employee, written)
    if punch_id is not None:
        fields["id"] = chance.choice([punch_id, punch_id.upper()])
    if chance.random() < 0.5:
        fields |= event.MORE
    text = json.dumps(fields)
    return Sent(PunchKey(parse(text, UTC).id, employee, instant), text)


class Traffic:
    """Clients that send a plan: punches over HTTP as the README tells clients to, the rest to the queue by hand."""

    def __init__(self, address: Address, messages: Sequence[Sent], clients: int, seed: int) -> None:
        """Sends nothing before `start`.

        Args:
            address: where to.
            messages: what, in order.
            clients: how many at once, with so many connections.
            seed: decides who hangs up.
        """
        self.accepted: dict[str, Sent] = {}  # by message id
        self.tries: Counter[str] = Counter()  # those that ended without a 202, by why
        self._address = address
        self._headers = {"content-type": "application/json", "x-api-key": address.api_key}
        # The README's clients begin with 1 s, and are not in such a hurry.
        self._client = Client(
            address.api_url,
            self._headers,
            patience=_PATIENCE,
            threads=clients,
            first_wait=_FIRST_WAIT,
            longest_wait=_LONGEST_WAIT,
        )
        self._sqs = address.client("sqs")
        self._messages = messages
        self._indices = iter(range(len(messages)))
        self._one = threading.Lock()
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._began = 0.0
        self._threads = [
            threading.Thread(target=self._run, args=(Random(seed + number),), daemon=True)  # noqa: S311
            for number in range(clients)
        ]

    def start(self) -> None:
        """Begin to send."""
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, whatever is left to send."""
        self._stop.set()
        self._client.stop()

    def goes_on(self) -> bool:
        """Whether something is left to send.

        Raises:
            LocalError: an answer was none that a client can do something about.
            GivenUpError: there was none for minutes.
        """
        if self._error:
            raise self._error
        return any(thread.is_alive() for thread in self._threads)

    def _run(self, chance: Random) -> None:
        try:
            while (message := self._next()) and not self._stop.is_set():
                if message.punch:
                    self._post(message, chance)
                else:
                    with self._one:
                        sent = self._sqs.send_message(QueueUrl=self._address.queue_url, MessageBody=message.body)
                    self.accepted[sent["MessageId"]] = message
        except Exception as error:  # noqa: BLE001  a thread has nobody to raise it to: `goes_on` does
            if not self._stop.is_set():  # which ends a client's waiting
                self._error = error
                self.stop()

    def _next(self) -> Sent | None:
        with self._one:
            index = next(self._indices, None)
        if index is None:
            return None
        due = self._began + index * _SPREAD / len(self._messages)
        self._stop.wait(max(0, due - time.monotonic()))
        return self._messages[index]

    def _post(self, message: Sent, chance: Random) -> None:
        body = message.body.encode()
        if chance.random() < _HANG_UP:
            self._hang_up(body)
        answer = self._client.send(body)
        with self._one:
            self.tries.update(answer.failed)
        if answer.status != _ACCEPTED:
            raise LocalError(f"The gateway answered a good punch with {answer.status}: {answer.text}")
        self.accepted[json.loads(answer.text)["messageId"]] = message

    def _hang_up(self, body: bytes) -> None:
        """Send, and go away before the answer."""
        url = urllib.parse.urlsplit(self._address.api_url)
        connection = HTTPConnection(url.hostname or "", url.port, timeout=_TIMEOUT)
        with contextlib.suppress(OSError, HTTPError):  # it may be refused, too
            connection.request("POST", url.path, body, self._headers)
        connection.close()
        with self._one:
            self.tries[Kind.HUNG_UP] += 1


class ChaosResult(NamedTuple):
    """What came of a run."""

    seed: int
    accepted: int
    queued: int  # still in the queue when the waiting ended; they are among the lost
    ledger: Ledger
    seconds: float
    faults: dict[str, int]  # by kind
    tries: dict[str, int]  # of clients that ended without a 202

    def summary(self) -> dict[str, Any]:
        """Give it for JSON: numbers, and the first few that are not as they should be."""
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
            "tries_without_202": self.tries,
            "examples": {name: found[:20] for name, found in wrong.items() if found},
        }


class Chaos:
    """One run."""

    def __init__(self, address: Address, state: Path, punches: int, clients: int, seed: int) -> None:
        """Breaks nothing yet.

        Args:
            address: the running stack's.
            state: its folder.
            punches: how many messages are sent.
            clients: how many at once.
            seed: decides what is sent, and which fault comes when. Ids and employees are new in each run.
        """
        self._address = address
        self._seed = seed
        self._chance, self._killing = Random(seed), Random(seed)  # noqa: S311  one each: what a seed repeats is the order
        self._employees = range(first := Random().randrange(10**6, 9 * 10**6) * 10**9, first + punches)  # noqa: S311
        self._messages = make_messages(self._chance, punches, first)
        self._traffic = Traffic(address, self._messages, clients, seed)
        self._faults = Faults(postgres.attach(state / "postgres"))
        self._emulator = psutil.Process(int((state / "emulator.pid").read_text()))
        self._sqs = address.client("sqs")
        queue = self._sqs.get_queue_attributes(QueueUrl=address.queue_url, AttributeNames=["VisibilityTimeout"])
        self._visibility = int(queue["Attributes"]["VisibilityTimeout"])  # s
        self._happened: Counter[str] = Counter()
        self._printed_at = 0.0

    def run(self) -> ChaosResult:
        """Do it all: break, mend, wait until the queue is empty, and find the end of each message.

        Raises:
            LocalError: the gateway refused a good punch.
            GivenUpError: it accepted none for minutes.
        """
        began = time.monotonic()
        self._faults.mend()
        try:
            self._traffic.start()
            self._break()
        finally:
            self._traffic.stop()
            self._faults.mend()
        queued = self._drain()
        ledger = self._judge()
        return ChaosResult(
            self._seed,
            len(self._traffic.accepted),
            queued,
            ledger,
            time.monotonic() - began,
            dict(sorted(self._happened.items())),
            dict(sorted(self._traffic.tries.items())),
        )

    def _break(self) -> None:
        """Do every fault in turn, in rounds, until all is sent and each has happened."""
        kinds = self._faults.kinds
        while True:
            for kind in self._chance.sample(list(kinds), len(kinds)):
                with kinds[kind]():
                    self._wait(self._chance.uniform(*_SPELLS.get(kind, _SPELL)), kind)
                self._happened[kind] += 1
                self._wait(self._chance.uniform(*_CALM), "calm")
                if len(self._happened.keys() & kinds) == len(kinds) and not self._traffic.goes_on():
                    return

    def _wait(self, seconds: float, what: str) -> None:
        """Let a fault last, while workers are killed."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._print_progress(what)
            self._traffic.goes_on()  # for what it raises
            if self._killing.random() < _KILL and kill_worker(self._emulator, self._killing):
                self._happened[Kind.KILLED] += 1
            time.sleep(_TICK)

    def _drain(self) -> int:
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
            time.sleep(_TICK)
        return depth

    def _judge(self) -> Ledger:
        accepted = self._traffic.accepted
        connection = psycopg2.connect(self._address.database_url)
        with contextlib.closing(connection):
            rows = rows_of(connection, self._employees)
        # Who hung up does not know the id of what may have been accepted; the body tells it is of this run.
        bodies = {message.body for message in self._messages}
        reader = QueueReader(self._sqs, self._address.dlq_url)
        try:
            reader.receive_all()
            ours = [found for found in reader.messages if found.message_id in accepted or found.body in bodies]
            ledger = judge(accepted, rows, [DeadLetter(each.message_id, each.reason, each.body) for each in ours])
            if ledger.is_clean:  # otherwise somebody wants to look at them
                reader.delete(ours)
        finally:
            reader.put_back()
        return ledger

    def _depth(self) -> int:
        return queues.depth(self._sqs, self._address.queue_url).total

    def _print_progress(self, what: str) -> None:
        if time.monotonic() > self._printed_at + _BETWEEN_LINES:
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
    raise_once(lambda _: _print("\nmending ..."))
    try:
        result = Chaos(address, state, punches, clients, seed).run()
    except LocalError as error:
        _complain(str(error))
        return 1
    except (BotoCoreError, GivenUpError, psycopg2.Error, psutil.Error) as error:
        _complain(f"the stack does not answer any more; look whether make run still runs: {error}")
        return 1
    except Stopped:
        _complain("stopped; everything is mended, nothing is proven")
        return 130

    summary = result.summary()
    file = state / "chaos" / "summary.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(summary, indent=2) + "\n")
    print_json(camel_case(summary))
    if not result.ledger.is_clean:
        _complain(f"not every accepted message has exactly one end; {file} names some")
        return 1
    _print("every accepted message has exactly one end")
    return 0


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; see `commands.run`."""
    return commands.run(chaos, "make chaos", words)


def _print(line: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone: what is broken is mended all the same
        print(line, file=sys.stderr, flush=True)


def _complain(what: str) -> None:
    _print(f"make chaos: {what}")
