"""The dead letters beside the exceptions: punches that the database does not have, by reason and employee."""

import argparse
from collections import defaultdict
from datetime import UTC, datetime
from typing import NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from tools.dlq import queue_reader as mailbox
from tools.dlq.dead_letters import Letter
from tools.kit import database, target
from tools.kit.errors import CommandError
from tools.report.queries import Employees


class Heap(NamedTuple):
    """Dead letters with the same reason and employee."""

    motivo: str  # one of `letters.REASONS`
    usuario_id: int | None  # None: the body does not tell
    quantidade: int
    primeira: datetime  # when the gateway received the oldest, UTC
    ultima: datetime  # and the newest


class Unread(NamedTuple):
    """Why the queue was not read."""

    why: str | None  # None: it was not to be


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a command that has the options of `database` those that name the queue."""
    group = parser.add_argument_group("the dead-letter queue")
    group.add_argument("--stage", help="whose queue it is (default: local, if the database is the local stack's)")
    target.add_account_arguments(group)
    group.add_argument("--no-queue", action="store_true", help="leave it alone")


def read(arguments: argparse.Namespace, employees: Employees) -> list[Heap] | Unread:
    """Look into the queue, and put back what was looked at.

    Args:
        arguments: with the values of `add_arguments` and `database.add_arguments`.
        employees: letters of these only; None: everybody's.
    """
    if arguments.no_queue:
        return Unread(None)
    if arguments.stage is None and not database.is_local(arguments):
        return Unread("the database is not the local stack's; name its --stage, or --no-queue")
    arguments.stage = arguments.stage or target.LOCAL
    try:
        place = target.find(arguments)
        with mailbox.opened(place.sqs(), place.dlq_url) as box:
            return heaps(box.letters, employees)
    except CommandError as error:
        return Unread(str(error))
    except (BotoCoreError, ClientError) as error:
        return Unread(target.explain(error))


def heaps(letters: list[Letter], employees: Employees) -> list[Heap]:
    """Put together what has the same reason and employee; the highest heaps first."""
    together: defaultdict[tuple[str, int | None], list[int]] = defaultdict(list)
    for letter in letters:
        if employees is None or letter.employee in employees:
            together[letter.reason, letter.employee].append(letter.received_ms)
    made = [
        Heap(reason, number, len(times), _instant(min(times)), _instant(max(times)))
        for (reason, number), times in together.items()
    ]
    return sorted(made, key=lambda heap: (-heap.quantidade, heap.motivo, heap.usuario_id or 0))


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
