"""Dead letters in the report of exceptions: punches that could not be stored, grouped by reason and employee."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from slices.reports.report.report_context import EmployeeIds
from tools.kit import queue_reader, target
from tools.kit.dead_letters import DeadLetter
from tools.kit.errors import CommandError
from tools.kit.target import TargetOptions


class DeadLetterGroup(NamedTuple):
    """Dead letters with the same reason and employee."""

    motivo: str  # one of `tools.kit.dead_letters.reasons`
    usuario_id: int | None  # None: the body has no readable number
    quantidade: int
    primeira: datetime  # receipt of the oldest by the gateway, UTC
    ultima: datetime  # receipt of the newest, UTC


class UnreadQueue(NamedTuple):
    """Reason why the dead-letter queue was not read."""

    reason: str


def read_groups(target_options: TargetOptions, employee_ids: EmployeeIds) -> list[DeadLetterGroup] | UnreadQueue:
    """Read the dead-letter queue of a stage; group the messages of employees (None: all), the largest groups first."""
    messages = read_messages(target_options)
    if isinstance(messages, UnreadQueue):
        return messages
    times_by_group: defaultdict[tuple[str, int | None], list[datetime]] = defaultdict(list)
    for message in messages:
        if employee_ids is None or message.employee_id in employee_ids:
            received = datetime.fromtimestamp(message.received_ms / 1000, UTC)
            times_by_group[message.reason, message.employee_id].append(received)
    groups = [
        DeadLetterGroup(reason, employee_id, len(times), min(times), max(times))
        for (reason, employee_id), times in times_by_group.items()
    ]
    return sorted(groups, key=lambda group: (-group.quantidade, group.motivo, group.usuario_id or 0))


def read_messages(target_options: TargetOptions) -> list[DeadLetter] | UnreadQueue:
    """Read all messages of the dead-letter queue of a stage; they stay in the queue."""
    try:
        deployment = target.find(target_options)
        with queue_reader.open_reader(deployment.sqs(), deployment.dlq_url) as reader:
            return reader.messages
    except CommandError as error:
        return UnreadQueue(str(error))
    except (BotoCoreError, ClientError) as error:
        return UnreadQueue(target.explain(error))
