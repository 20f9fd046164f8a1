"""`ponto dlq`: list, redrive, export or purge dead letters; pause the drain."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ponto.drain.sqs import in_batches
from ponto.punch import EVENT
from ponto.shared.event import Subject
from tools.kit import commands, files, queue_reader, shared_options, tables, target
from tools.kit.collaborators import Collaborators, pass_collaborators
from tools.kit.console import progress
from tools.kit.dead_letters import DeadLetter, Source, reasons
from tools.kit.errors import CommandError
from tools.kit.output import confirm, json_escape, pluralize, print_json, print_result, print_status
from tools.kit.queue_reader import QueueReader
from tools.kit.tables import Column
from tools.kit.target import TargetOptions
from tools.operate.dlq import event_source

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

_DAY_SECONDS = 86_400
_HOUR_SECONDS = 3_600
_COLUMNS = (
    Column("id"),
    Column("reason", wraps=True),
    Column("employee", align_right=True),
    Column("received"),
    Column("times", align_right=True),
    Column("why", wraps=True),
)

_EPILOG = """examples:
  ponto dlq list --reason conflict --since 2h
  ponto dlq show 5f3c
  ponto dlq redrive --reason exhausted --dry-run
  ponto dlq export dead-letters.jsonl --stage dev
  ponto dlq purge --older-than 7d --stage dev
  ponto dlq pause --stage dev

exit status: 0 done, 1 partly done, 2 the request or the deployment is wrong
"""

_reasons = click.option(
    "--reason",
    "reasons",
    type=click.Choice([str(reason) for reason in reasons()]),
    multiple=True,
    metavar="REASON",
    help=f"Only dead letters with this reason, one of {', '.join(reasons())}; repeatable.",
)


@commands.group(epilog=_EPILOG)
def dlq() -> None:
    """List, redrive, export or purge dead letters; pause the drain.

    docs/dead-letters.md explains the reasons. A command that reads the queue hides its messages from other readers
    meanwhile, and their receive counts rise.
    """


@dlq.command("list", epilog="example:\n  ponto dlq list --reason conflict --since 2h\n")
@_reasons
@click.option("--employee", type=EVENT.subject_type, metavar="N", help="Only punches of this employee.")
@click.option(
    "--since",
    type=shared_options.INSTANT_MS,
    help="Only punches received at or after this time: ISO 8601, or an age such as 2h.",
)
@click.option("--until", type=shared_options.INSTANT_MS, help="Only punches received before this time.")
@shared_options.as_json
@target.options
def list_dead_letters(
    target_options: TargetOptions,
    reasons: Sequence[str],
    employee: Subject | None,
    since: int | None,
    until: int | None,
    *,
    as_json: bool,
) -> None:
    """Print the dead letters, oldest first, with totals by reason."""
    messages = queue_reader.read_all(target.find(target_options))
    selected = [
        message
        for message in messages
        if (not reasons or message.reason in reasons)
        and (employee is None or message.employee_id == employee)
        and (since is None or message.received_ms >= since)
        and (until is None or message.received_ms < until)
    ]
    totals = Counter(message.reason for message in selected)
    if as_json:
        print_json({"deadLetters": [message.summary() for message in selected], "totals": totals})
        return
    if selected:
        print_table(selected)
    selected_count = "" if len(selected) == len(messages) else f"{len(selected)} of "
    by_reason = _format_totals(totals)
    print_result(f"{selected_count}{pluralize(len(messages), 'dead letter')}{': ' if by_reason else ''}{by_reason}")


@dlq.command(epilog="example:\n  ponto dlq show 5f3c\n")
@click.argument("prefix", metavar="ID")
@shared_options.as_json
@target.options
def show(target_options: TargetOptions, prefix: str, *, as_json: bool) -> None:
    """Print all fields of a dead letter.

    ID is the beginning of its id, or of the messageId in the response to the punch, or the complete id of the punch.
    """
    message = _find_one(queue_reader.read_all(target.find(target_options)), prefix)
    if message is None:
        raise CommandError(
            f"no dead letter has an id or messageId that begins with {prefix!r}, or a punch with this id; see ponto "
            "dlq list",
            1,
        )
    if as_json:
        print_json(message.details())
    else:
        print_details(message)


@dlq.command(epilog="example:\n  ponto dlq redrive --reason exhausted --dry-run\n")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="Redrive all dead letters.")
@_reasons
@click.option("--dry-run", is_flag=True, help="Print what would be sent, without sending it.")
@shared_options.as_json
@target.options
def redrive(
    target_options: TargetOptions,
    ids: Sequence[str],
    reasons: Sequence[str],
    *,
    every: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Send dead letters back to their queue or function.

    Then they are deleted from the dead-letter queue. ID is the beginning of a dead letter's id, or of the messageId in
    the response to a punch, or the complete id of a punch.
    """
    if sum(map(bool, (ids, every, reasons))) != 1:
        raise click.UsageError("name the dead letters either by --all, by --reason, or by their ids")
    deployment = target.find(target_options)
    sender = None if dry_run else deployment.sender("redrive")  # before reading hides any dead letter
    with queue_reader.open_reader(deployment.sqs(), deployment.dlq_url) as reader:
        selected, failed = _select(reader.messages, ids, reasons)
        print_status(*_describe_rejected(selected))
        if sender:
            failed |= _send_and_delete(deployment, sender, reader, selected)
    redriven = [message for message in selected if message.id not in failed]
    if as_json:
        print_json({"redriven": [message.id for message in redriven], "failed": failed, "dryRun": dry_run})
    else:
        if dry_run and selected:
            print_table(selected)
        print_result(f"{len(redriven)} {'would be redriven' if dry_run else 'redriven'}, {len(failed)} failed")
        print_result(*_describe_rejected(redriven))
        _print_failures(failed)
    return 1 if failed else 0


@dlq.command(epilog="example:\n  ponto dlq export dead-letters.jsonl\n")
@click.argument("file", type=shared_options.FILE)
@shared_options.force
@shared_options.as_json
@target.options
def export(target_options: TargetOptions, file: Path, *, force: bool, as_json: bool) -> None:
    """Write all dead letters to a file, one JSON object per line."""
    files.require_writable(file, force=force)
    messages = queue_reader.read_all(target.find(target_options))
    _write(file, messages)
    if as_json:
        print_json({"exported": len(messages), "file": str(file)})
    else:
        print_result(f"{pluralize(len(messages), 'dead letter')} exported to {file}")


@dlq.command(epilog="example:\n  ponto dlq purge --older-than 7d\n")
@click.option(
    "--older-than",
    type=shared_options.INSTANT_MS,
    required=True,
    metavar="AGE",
    help="Only punches received before this time: ISO 8601, or an age such as 7d.",
)
@click.option(
    "--export",
    "file",
    type=shared_options.FILE,
    metavar="FILE",
    help="File for the export (default: dead-letters-TIME.jsonl).",
)
@shared_options.yes
@shared_options.as_json
@target.options
def purge(target_options: TargetOptions, older_than: int, file: Path | None, *, yes: bool, as_json: bool) -> int:
    """Export old dead letters, then delete them."""
    file = file or Path(f"dead-letters-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl")
    files.require_writable(file)
    deployment = target.find(target_options)
    failed: dict[str, str] = {}
    with queue_reader.open_reader(deployment.sqs(), deployment.dlq_url) as reader:
        old = [message for message in reader.messages if message.received_ms < older_than]
        if old:
            if not yes and not confirm(
                f"Export {len(old)} of {pluralize(len(reader.messages), 'dead letter')} to {file}, then delete them?"
            ):
                raise CommandError("nothing was deleted", 1)
            _write(file, old)
            failed = reader.delete(old)
    deleted = len(old) - len(failed)
    if as_json:
        print_json({"deleted": deleted, "failed": failed, "file": str(file) if old else None})
    else:
        exported = f"; exported to {file}" if old else ""
        print_result(f"{pluralize(deleted, 'dead letter')} deleted, {len(failed)} failed{exported}")
        _print_failures(failed)
    return 1 if failed else 0


@dlq.command(epilog="example:\n  ponto dlq pause --stage dev\n")
@shared_options.as_json
@target.options
@pass_collaborators
def pause(collaborators: Collaborators, target_options: TargetOptions, *, as_json: bool) -> None:
    """Pause the drain. Accepted punches wait in the queue."""
    deployment = target.find(target_options)
    changed = event_source.switch(deployment, enabled=False, clock=collaborators.clock)
    days = event_source.queue_times(deployment).retention / _DAY_SECONDS
    if as_json:
        print_json({"drain": "paused", "changed": changed})
    else:
        print_result(
            f"{'paused' if changed else 'already paused'}: no batch is processed until `ponto dlq resume`. Punches are "
            f"still accepted. They wait in the queue for at most {days:g} days, and are then lost."
        )


@dlq.command(epilog="example:\n  ponto dlq resume --stage dev\n")
@click.option("--force", is_flag=True, help="Resume even if an outage after the pause could make punches expire.")
@shared_options.as_json
@target.options
@pass_collaborators
def resume(collaborators: Collaborators, target_options: TargetOptions, *, force: bool, as_json: bool) -> None:
    """Resume the drain after a pause."""
    deployment = target.find(target_options)
    caveat = "" if force else _require_retention(deployment)
    changed = event_source.switch(deployment, enabled=True, clock=collaborators.clock)
    if as_json:
        print_json({"drain": "running", "changed": changed})
    else:
        print_result(f"{'resumed' if changed else 'already running'}: the queue is being drained{caveat}")


def _require_retention(deployment: target.Target) -> str:
    """Refuse to resume if punches could expire in an outage after the pause; return a caveat for the output, if any.

    During the pause, punches are visible, and an alarm counts them. After a failed receive, a punch is hidden, and it
    is lost without a dead letter if its retention ends.
    """
    since = event_source.drain_state(deployment).paused_since
    if since is None:
        return ""
    # Punches may have waited before this pause, too, for example during an earlier one.
    paused = (datetime.now(UTC) - since).total_seconds()
    ages, limits = event_source.oldest_ages(deployment, since), event_source.queue_times(deployment)
    oldest = max(paused, ages.in_queue or 0, ages.failed or 0)
    if oldest + limits.until_dead_letter <= limits.retention:
        has_age = ages.in_queue is not None
        return "" if has_age else ". CloudWatch has no age of the oldest punch, so only the pause was considered"
    subject = "the drain has been paused" if oldest == paused else "the oldest punch has waited"
    raise CommandError(
        f"{subject} for {oldest / _DAY_SECONDS:.1f} of the {limits.retention / _DAY_SECONDS:g} days that the queue "
        f"keeps a punch. If the database failed for {limits.until_dead_letter / _HOUR_SECONDS:.0f} hours after the "
        "pause, the oldest punch would be lost without a dead letter. First raise the retention, which also applies to "
        f"waiting punches: aws sqs set-queue-attributes --queue-url {deployment.queue_url} --attributes "
        "MessageRetentionPeriod=1209600. If the database is certainly healthy, you may resume with --force instead. "
        "Nothing was changed",
        1,
    )


def _write(file: Path, messages: Iterable[DeadLetter]) -> None:
    with files.write_atomically(file) as lines:
        for message in messages:
            lines.write(json.dumps(message.details()) + "\n")


def _format_totals(totals: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(totals.items()))


def _describe_rejected(messages: Iterable[DeadLetter]) -> list[str]:
    """Return a line about the messages that will fail again; an empty list if there are none."""
    rejected = Counter(message.reason for message in messages if message.source is Source.REJECTED)
    advice = "fail again after every redrive, until their cause is corrected (docs/dead-letters.md)"
    return [f"{_format_totals(rejected)}: {advice}"] if rejected else []


def _find_one(messages: Sequence[DeadLetter], prefix: str) -> DeadLetter | None:
    matches = [
        message
        for message in messages
        if prefix and (message.id.startswith(prefix) or message.message_id.startswith(prefix))
    ]
    matches = matches or [message for message in messages if message.find_punch_id() == prefix.lower()]
    if len(matches) > 1:
        raise CommandError(f"{prefix!r} is ambiguous: {', '.join(message.id for message in matches)}")
    return matches[0] if matches else None


def _select(
    messages: Sequence[DeadLetter], ids: Sequence[str], reasons: Sequence[str]
) -> tuple[list[DeadLetter], dict[str, str]]:
    """Return the dead letters to redrive, by id, by reason, or all, and an error for each unknown id."""
    if not ids:
        return [message for message in messages if not reasons or message.reason in reasons], {}
    matches = {prefix: _find_one(messages, prefix) for prefix in ids}
    selected = {message.id: message for message in matches.values() if message}
    return list(selected.values()), {
        prefix: "no such dead letter" for prefix, message in matches.items() if not message
    }


def _send_and_delete(
    deployment: target.Target, sender: "SQSClient", reader: QueueReader, messages: Sequence[DeadLetter]
) -> dict[str, str]:
    """Send messages, and delete each after it was sent.

    After an interruption, no message is lost, and at most ten are sent twice.

    Returns:
        The error of each message that is still in the dead-letter queue, by its id.
    """
    functions = deployment.functions()
    punches = [message for message in messages if not message.source.is_event]
    events = [message for message in messages if message.source.is_event]
    failed: dict[str, str] = {}
    with progress() as display:
        bar = display.add_task("redriving", total=len(messages))
        for batch in in_batches(punches):
            unsent = queue_reader.send(sender, deployment.queue_url, batch)
            failed |= unsent | _delete(reader, batch, unsent)
            display.advance(bar, len(batch))
        for event in events:  # one at a time: repeating an event, unlike a punch, is not always harmless
            function = f"{deployment.stack}-{event.function}" if event.function else deployment.drain
            unsent = queue_reader.invoke(functions, function, event)
            failed |= unsent | _delete(reader, [event], unsent)
            display.advance(bar)
    return failed


def _delete(reader: QueueReader, batch: Sequence[DeadLetter], unsent: Mapping[str, str]) -> dict[str, str]:
    errors = reader.delete([message for message in batch if message.id not in unsent])
    return {
        message_id: f"sent, but not deleted (sending it again does no harm): {error}"
        for message_id, error in errors.items()
    }


def print_table(messages: Iterable[DeadLetter]) -> None:
    tables.show(
        _COLUMNS,
        (
            (
                message.id,
                message.reason,
                "" if message.employee_id is None else str(message.employee_id),
                f"{message.received[:10]} {message.received[11:19]}Z",
                str(message.receive_count),
                message.detail,
            )
            for message in messages
        ),
    )


def print_details(message: DeadLetter) -> None:
    for name, value in message.summary().items():
        print_result(f"{name:12}  {'' if value is None else value}")
    for name, attribute in message.attributes.items():
        print_result(f"attribute     {name} = {attribute.get('StringValue', '(binary)')}")
    for name, text in message.system.items():
        print_result(f"SQS           {name} = {text}")
    body = message.body
    with suppress(ValueError, RecursionError):  # not JSON: printed unchanged
        body = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
        body = "".join(
            character if character == "\n" or character.isprintable() else json_escape(character) for character in body
        )
    print_result("", *body.split("\n"))


def _print_failures(failed: Mapping[str, str]) -> None:
    for error in dict.fromkeys(failed.values()):
        print_result(f"failed: {error}", *(f"  {id_}" for id_, reason in failed.items() if reason == error))
