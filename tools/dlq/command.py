"""`ponto dlq`: looks into the dead-letter queue, and acts on what is there."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ponto.sqs import in_batches
from tools.dlq import event_source
from tools.kit import commands, files, queue_reader, tables, target
from tools.kit import options as opt
from tools.kit.collaborators import Collaborators, pass_collaborators
from tools.kit.console import progress
from tools.kit.dead_letters import DeadLetter, Source, reasons
from tools.kit.errors import CommandError
from tools.kit.output import confirm, json_escape, pluralize, print_json, print_result, print_status
from tools.kit.queue_reader import QueueReader
from tools.kit.tables import Column

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

_DAY = 86_400  # s
_HOUR = 3_600  # s
_COLUMNS = (
    Column("id"),
    Column("reason", min_width=12),
    Column("employee", align_right=True),
    Column("received"),
    Column("times", align_right=True),
    Column("why", min_width=16),
)

_EPILOG = """examples:
  ponto dlq list --reason conflict --since 2h
  ponto dlq show 5f3c
  ponto dlq redrive --reason exhausted --dry-run
  ponto dlq export dead-letters.jsonl --stage dev
  ponto dlq purge --older-than 7d --stage dev
  ponto dlq pause --stage dev

exit status: 0 done, 1 not all of it, 2 the request or the deployment is wrong
"""

_reasons = click.option(
    "--reason",
    "reasons",
    type=click.Choice([str(reason) for reason in reasons()]),
    multiple=True,
    metavar="REASON",
    help=f"One of {', '.join(reasons())}; may be repeated.",
)


@commands.group(epilog=_EPILOG)
def dlq() -> None:
    """Dead letters: list, redrive, export, purge; pause the drain.

    See docs/dead-letters.md.
    """


@dlq.command("list", epilog="example:\n  ponto dlq list --reason conflict --since 2h\n")
@_reasons
@click.option("--employee", type=opt.INTEGER, metavar="N", help="Punches of this employee only.")
@click.option("--since", type=opt.INSTANT_MS, help="Received then or later: ISO 8601, or 2h ago.")
@click.option("--until", type=opt.INSTANT_MS, help="Received before.")
@opt.as_json
@target.options
def list_dead_letters(
    target_options: target.TargetOptions,
    reasons: Sequence[str],
    employee: int | None,
    since: int | None,
    until: int | None,
    *,
    as_json: bool,
) -> None:
    """Print the dead letters, oldest first, with totals by reason."""
    messages = queue_reader.read_all(target.find(target_options))
    found = [
        message
        for message in messages
        if (not reasons or message.reason in reasons)
        and (employee is None or message.employee_id == employee)
        and (since is None or message.received_ms >= since)
        and (until is None or message.received_ms < until)
    ]
    totals = Counter(message.reason for message in found)
    if as_json:
        print_json({"deadLetters": [message.summary() for message in found], "totals": totals})
        return
    if found:
        print_table(found)
    of_all = "" if len(found) == len(messages) else f"{len(found)} of "
    by_reason = _format_totals(totals)
    print_result(f"{of_all}{pluralize(len(messages), 'dead letter')}{': ' if by_reason else ''}{by_reason}")


@dlq.command(epilog="example:\n  ponto dlq show 5f3c\n")
@click.argument("prefix", metavar="ID")
@opt.as_json
@target.options
def show(target_options: target.TargetOptions, prefix: str, *, as_json: bool) -> None:
    """Print everything of one dead letter.

    ID may be the beginning of its id, or of the messageId in the punch's 202; or the whole id of the punch.
    """
    message = _find_one(queue_reader.read_all(target.find(target_options)), prefix)
    if message is None:
        raise CommandError(
            f"no dead letter has an id or messageId that begins with {prefix!r}, or a punch of this id; see the list", 1
        )
    if as_json:
        print_json(message.details())
    else:
        print_details(message)


@dlq.command(epilog="example:\n  ponto dlq redrive --reason exhausted --dry-run\n")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, show_default=False, help="Every dead letter.")
@_reasons
@click.option("--dry-run", is_flag=True, show_default=False, help="Print what would be sent; send nothing.")
@opt.as_json
@target.options
def redrive(
    target_options: target.TargetOptions,
    ids: Sequence[str],
    reasons: Sequence[str],
    *,
    every: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Send dead letters back to where they failed, then delete them.

    ID may be the beginning of an id, or of the messageId in a punch's 202; or the whole id of a punch.
    """
    if sum(map(bool, (ids, every, reasons))) != 1:
        raise click.UsageError("name the dead letters in one way: --all, --reason, or ids")
    deployment = target.find(target_options)
    sender = None if dry_run else deployment.sender("redrive")  # before any dead letter is hidden
    with queue_reader.open_reader(deployment.sqs(), deployment.dlq_url) as reader:
        chosen, failed = _choose(reader.messages, ids, reasons)
        print_status(*_describe_rejected(chosen))
        if sender:
            failed |= _send_and_delete(deployment, sender, reader, chosen)
    redriven = [message for message in chosen if message.id not in failed]
    if as_json:
        print_json({"redriven": [message.id for message in redriven], "failed": failed, "dryRun": dry_run})
    else:
        if dry_run and chosen:
            print_table(chosen)
        print_result(f"{len(redriven)} {'would be redriven' if dry_run else 'redriven'}, {len(failed)} failed")
        print_result(*_describe_rejected(redriven))
        _print_failures(failed)
    return 1 if failed else 0


@dlq.command(epilog="example:\n  ponto dlq export dead-letters.jsonl\n")
@click.argument("file", type=opt.FILE)
@opt.force
@opt.as_json
@target.options
def export(target_options: target.TargetOptions, file: Path, *, force: bool, as_json: bool) -> None:
    """Write all dead letters to a file, a JSON object a line."""
    files.require_writable(file, force=force)
    messages = queue_reader.read_all(target.find(target_options))
    _write(file, messages)
    if as_json:
        print_json({"exported": len(messages), "file": str(file)})
    else:
        print_result(f"{pluralize(len(messages), 'dead letter')} exported to {file}")


@dlq.command(epilog="example:\n  ponto dlq purge --older-than 7d\n")
@click.option(
    "--older-than", type=opt.INSTANT_MS, required=True, metavar="AGE", help="Received longer ago: 7d, or ISO 8601."
)
@click.option("--export", "file", type=opt.FILE, metavar="FILE", help="Default: dead-letters-<time>.jsonl.")
@opt.yes
@opt.as_json
@target.options
def purge(target_options: target.TargetOptions, older_than: int, file: Path | None, *, yes: bool, as_json: bool) -> int:
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
@opt.as_json
@target.options
@pass_collaborators
def pause(collaborators: Collaborators, target_options: target.TargetOptions, *, as_json: bool) -> None:
    """Stop draining the queue of punches, which go on being accepted."""
    deployment = target.find(target_options)
    changed = event_source.switch(deployment, enabled=False, clock=collaborators.clock)
    days = event_source.queue_times(deployment).retention / _DAY
    if as_json:
        print_json({"drain": "paused", "changed": changed})
    else:
        print_result(
            f"{'paused' if changed else 'it was paused already'}: no batch begins until `dlq resume`. Punches are "
            f"still accepted and wait in the queue, each for at most {days:g} days; longer is lost."
        )


@dlq.command(epilog="example:\n  ponto dlq resume --stage dev\n")
@click.option(
    "--force", is_flag=True, show_default=False, help="Though punches could expire in an outage after the pause."
)
@opt.as_json
@target.options
@pass_collaborators
def resume(collaborators: Collaborators, target_options: target.TargetOptions, *, force: bool, as_json: bool) -> None:
    """Drain the queue again."""
    deployment = target.find(target_options)
    unknown = "" if force else _require_time(deployment)
    changed = event_source.switch(deployment, enabled=True, clock=collaborators.clock)
    if as_json:
        print_json({"drain": "running", "changed": changed})
    else:
        print_result(f"{'running again' if changed else 'it was running already'}: the queue is being drained{unknown}")


def _require_time(deployment: target.Target) -> str:
    """Refuse to resume when punches could expire in an outage that comes after the pause; return what is not known.

    While nobody receives, they wait visibly, and an alarm counts them. Once received, those that fail are hidden, and
    one that reaches the end of its retention is gone without a dead letter.
    """
    since = event_source.drain_state(deployment).paused_since
    if since is None:
        return ""
    # The pause itself, and before it: it may have followed another, with too little time to drain the queue.
    paused = (datetime.now(UTC) - since).total_seconds()
    waited, kept = event_source.oldest_ages(deployment, since), event_source.queue_times(deployment)
    oldest = max(paused, waited.in_queue or 0, waited.failed or 0)
    if oldest + kept.until_dead_letter <= kept.retention:
        known = waited.in_queue is not None
        return "" if known else ". CloudWatch has no age of the oldest punch: only the pause was counted"
    subject = "the drain has been paused" if oldest == paused else "the oldest punch has waited"
    raise CommandError(
        f"{subject} for {oldest / _DAY:.1f} of the {kept.retention / _DAY:g} days that the queue keeps a punch. If the "
        f"database failed for {kept.until_dead_letter / _HOUR:.0f} hours after the pause, the oldest punch would be "
        "lost without a dead letter. First raise the retention, which also applies to waiting punches: "
        f"aws sqs set-queue-attributes --queue-url {deployment.queue_url} --attributes MessageRetentionPeriod=1209600. "
        "If the database is certainly healthy, you may resume with --force instead. Nothing was changed",
        1,
    )


def _write(file: Path, messages: Iterable[DeadLetter]) -> None:
    with files.draft(file) as lines:
        for message in messages:
            lines.write(json.dumps(message.details()) + "\n")


def _format_totals(totals: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(totals.items()))


def _describe_rejected(messages: Iterable[DeadLetter]) -> list[str]:
    """Describe in a line which messages a redrive alone does not help, if there are any."""
    rejected = Counter(message.reason for message in messages if message.source is Source.REJECTED)
    why = "dead letters again after every redrive, until the cause is corrected (docs/dead-letters.md)"
    return [f"{_format_totals(rejected)}: {why}"] if rejected else []


def _find_one(messages: Sequence[DeadLetter], prefix: str) -> DeadLetter | None:
    found = [each for each in messages if prefix and (each.id.startswith(prefix) or each.message_id.startswith(prefix))]
    found = found or [each for each in messages if each.find_punch_id() == prefix.lower()]
    if len(found) > 1:
        raise CommandError(f"{prefix!r} is ambiguous: {', '.join(message.id for message in found)}")
    return found[0] if found else None


def _choose(
    messages: Sequence[DeadLetter], ids: Sequence[str], reasons: Sequence[str]
) -> tuple[list[DeadLetter], dict[str, str]]:
    """Return the dead letters to redrive, by id or reason or else all, and why for each id that is none of them."""
    if not ids:
        return [message for message in messages if not reasons or message.reason in reasons], {}
    named = {prefix: _find_one(messages, prefix) for prefix in ids}
    chosen = {message.id: message for message in named.values() if message}
    return list(chosen.values()), {prefix: "no such dead letter" for prefix, message in named.items() if not message}


def _send_and_delete(
    deployment: target.Target, sender: "SQSClient", reader: QueueReader, messages: Sequence[DeadLetter]
) -> dict[str, str]:
    """Send first, then delete: whoever kills this loses nothing, and repeats at most one call's messages.

    Returns:
        Why, for the id of each message that is still in the dead-letter queue.
    """
    functions = deployment.functions()
    punches = [message for message in messages if not message.source.is_event]
    events = [message for message in messages if message.source.is_event]
    failed: dict[str, str] = {}
    with progress() as shown:
        bar = shown.add_task("redriving", total=len(messages))
        for part in in_batches(punches):
            unsent = queue_reader.send(sender, deployment.queue_url, part)
            failed |= unsent | _delete(reader, part, unsent)
            shown.advance(bar, len(part))
        for event in events:  # one by one: no unique id absorbs a repeated event that is no punch
            function = f"{deployment.stack}-{event.function}" if event.function else deployment.function
            unsent = queue_reader.invoke(functions, function, event)
            failed |= unsent | _delete(reader, [event], unsent)
            shown.advance(bar)
    return failed


def _delete(reader: QueueReader, part: Sequence[DeadLetter], unsent: Mapping[str, str]) -> dict[str, str]:
    kept = reader.delete([message for message in part if message.id not in unsent])
    return {name: f"sent, but not deleted (sending it again does no harm): {why}" for name, why in kept.items()}


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
    with suppress(ValueError, RecursionError):  # shown as it came
        body = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
        body = "".join(each if each == "\n" or each.isprintable() else json_escape(each) for each in body)
    print_result("", *body.split("\n"))


def _print_failures(failed: Mapping[str, str]) -> None:
    by_reason: defaultdict[str, list[str]] = defaultdict(list)
    for name, why in failed.items():
        by_reason[why].append(name)
    for why, names in by_reason.items():
        print_result(f"failed: {why}")
        for name in names:
            print_result(f"  {name}")
