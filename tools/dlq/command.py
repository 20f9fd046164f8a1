"""`ponto dlq`: looks into the dead-letter queue, and acts on what is there."""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from tools.dlq import event_source as mapping
from tools.dlq import queue_reader as mailbox
from tools.dlq.dead_letters import REASONS, Letter, Way, an_instant
from tools.dlq.queue_reader import Mailbox
from tools.kit import files, target
from tools.kit.errors import CommandError
from tools.kit.output import confirm, print_json, print_result, printable
from tools.kit.tables import for_tables

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

_SHORT = 8  # characters of an id in a table
_DAY = 86_400  # s
_HOUR = 3_600  # s

_EPILOG = """examples:
  ponto dlq list --reason conflict --since 2h
  ponto dlq show 5f3c
  ponto dlq redrive --reason exhausted --dry-run
  ponto dlq export letters.jsonl --stage dev
  ponto dlq purge --older-than 7d --stage dev
  ponto dlq pause --stage dev

exit status: 0 done, 1 not all of it, 2 the request or the deployment is wrong
"""


def add_to(commands: Any) -> None:
    """Add `dlq` to the commands of `ponto` (argparse's subparsers)."""
    parser = commands.add_parser(
        "dlq",
        help="dead letters: list, show, redrive, export, purge; pause the drain",
        description="Looks into the dead-letter queue and acts on what is there (docs/dead-letters.md).",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(metavar="command", required=True)
    verb = partial(target.add_verb, verbs, "dlq")

    listing = verb(
        "list", _list, "the letters, oldest first, and how many of each reason", "--reason conflict --since 2h"
    )
    _add_reason(listing)
    listing.add_argument("--employee", type=int, metavar="N", help="punches of this employee only")
    listing.add_argument("--since", type=an_instant, metavar="TIME", help="received then or later: ISO 8601, or 2h ago")
    listing.add_argument("--until", type=an_instant, metavar="TIME", help="received before")

    show = verb("show", _show, "everything of one letter", "5f3c")
    show.add_argument("id", help="of the letter, or how it begins")

    redrive = verb(
        "redrive", _redrive, "send letters where they failed, then delete them", "--reason exhausted --dry-run"
    )
    redrive.add_argument("ids", nargs="*", metavar="id", help="of a letter, or how it begins")
    redrive.add_argument("--all", action="store_true", help="every letter")
    _add_reason(redrive)
    redrive.add_argument("--dry-run", action="store_true", help="say what would be sent; send nothing")

    exporting = verb("export", _export, "write all letters to a file, a JSON object a line", "letters.jsonl")
    exporting.add_argument("file", type=Path)
    exporting.add_argument("--force", action="store_true", help="overwrite the file")

    purge = verb("purge", _purge, "export old letters, then delete them", "--older-than 7d")
    purge.add_argument(
        "--older-than",
        type=an_instant,
        metavar="AGE",
        required=True,
        help="received longer ago: 7d, or an ISO 8601 time",
    )
    purge.add_argument("--export", type=Path, metavar="FILE", help="default dead-letters-<time>.jsonl")
    purge.add_argument("--yes", action="store_true", help="do not ask")

    verb("pause", _pause, "stop draining the queue of punches, which go on being accepted", "--stage dev")
    resume = verb("resume", _resume, "drain the queue again", "--stage dev")
    resume.add_argument("--force", action="store_true", help="though punches could expire in an outage after the pause")


def _add_reason(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--reason", action="append", choices=[str(reason) for reason in REASONS], help="may be repeated"
    )


# The commands. Each returns the exit status.


def _list(arguments: argparse.Namespace) -> int:
    letters = _read(target.find(arguments))
    found = [letter for letter in letters if _is_wanted(letter, arguments)]
    totals = Counter(letter.reason for letter in found)
    if arguments.json:
        print_json({"letters": [letter.summary() for letter in found], "totals": totals})
        return 0
    if found:
        _table(found)
    of_all = "" if len(found) == len(letters) else f" of {len(letters)}"
    by_reason = ", ".join(f"{count} {reason}" for reason, count in sorted(totals.items()))
    print_result(f"{len(found)}{of_all} dead letters{': ' if by_reason else ''}{by_reason}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    letter = _one(_read(target.find(arguments)), arguments.id)
    if letter is None:
        raise CommandError(f"no dead letter's id begins with {arguments.id!r}; see the list", 1)
    if arguments.json:
        print_json(letter.whole())
        return 0
    for name, value in letter.summary().items():
        print_result(f"{name:12}  {'' if value is None else printable(str(value))}")
    for name, attribute in letter.attributes.items():
        print_result(f"attribute     {printable(name)} = {printable(str(attribute.get('StringValue', '(binary)')))}")
    for name, text in letter.system.items():
        print_result(f"SQS           {printable(name)} = {printable(text)}")
    print_result("")
    print_result(_pretty(letter.body))
    return 0


def _redrive(arguments: argparse.Namespace) -> int:
    if sum(map(bool, (arguments.ids, arguments.all, arguments.reason))) != 1:
        raise CommandError("say which letters: --all, --reason, or ids")
    place = target.find(arguments)
    sender = None if arguments.dry_run else place.sender()  # before any letter is hidden
    with mailbox.opened(place.sqs(), place.dlq_url) as box:
        chosen, failed = _choose(box.letters, arguments)
        if sender:
            failed |= _send_and_delete(place, sender, box, chosen)
    redriven = [letter.id for letter in chosen if letter.id not in failed]
    if arguments.json:
        print_json({"redriven": redriven, "failed": failed, "dryRun": arguments.dry_run})
    else:
        if arguments.dry_run and chosen:
            _table(chosen)
        print_result(
            f"{len(redriven)} {'would be redriven' if arguments.dry_run else 'redriven'}, {len(failed)} failed"
        )
        _tell_failures(failed)
    return 1 if failed else 0


def _export(arguments: argparse.Namespace) -> int:
    files.require_writable(arguments.file, force=arguments.force)
    letters = _read(target.find(arguments))
    _write(arguments.file, letters)
    if arguments.json:
        print_json({"exported": len(letters), "file": str(arguments.file)})
    else:
        print_result(f"{len(letters)} dead letters exported to {arguments.file}")
    return 0


def _purge(arguments: argparse.Namespace) -> int:
    file = arguments.export or Path(f"dead-letters-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl")
    files.require_writable(file)
    place = target.find(arguments)
    failed: dict[str, str] = {}
    with mailbox.opened(place.sqs(), place.dlq_url) as box:
        old = [letter for letter in box.letters if letter.received_ms < arguments.older_than]
        if old:
            if not arguments.yes and not confirm(
                f"Export {len(old)} of {len(box.letters)} dead letters to {file}, then delete them?"
            ):
                raise CommandError("nothing was deleted", 1)
            _write(file, old)
            failed = box.delete(old)
    deleted = len(old) - len(failed)
    if arguments.json:
        print_json({"deleted": deleted, "failed": failed, "file": str(file) if old else None})
    else:
        print_result(f"{deleted} dead letters deleted, {len(failed)} failed" + (f"; exported to {file}" if old else ""))
        _tell_failures(failed)
    return 1 if failed else 0


def _pause(arguments: argparse.Namespace) -> int:
    place = target.find(arguments)
    changed = mapping.switch(place, enabled=False)
    days = mapping.times(place).retention / _DAY
    if arguments.json:
        print_json({"drain": "paused", "changed": changed})
    else:
        print_result(
            f"{'paused' if changed else 'it was paused already'}: no batch begins until `dlq resume`. Punches are "
            f"still accepted and wait in the queue, each for at most {days:g} days; longer is lost."
        )
    return 0


def _resume(arguments: argparse.Namespace) -> int:
    place = target.find(arguments)
    unknown = "" if arguments.force else _require_time(place)
    changed = mapping.switch(place, enabled=True)
    if arguments.json:
        print_json({"drain": "running", "changed": changed})
    else:
        print_result(f"{'running again' if changed else 'it was running already'}: the queue is being drained{unknown}")
    return 0


def _require_time(place: target.Target) -> str:
    """Refuse to resume when punches could expire in an outage that comes after the pause; return what is not known.

    While nobody receives, they wait visibly, and an alarm counts them. Once received, those that fail are hidden, and
    one that reaches the end of its retention is gone without a dead letter.
    """
    since = mapping.paused_since(place)
    if since is None:
        return ""
    # The pause itself, and before it: it may have followed another, with too little time to drain the queue.
    paused = (datetime.now(UTC) - since).total_seconds()
    waited, kept = mapping.waited(place, since), mapping.times(place)
    oldest = max(paused, waited.in_queue or 0, waited.failed or 0)
    if oldest + kept.failing <= kept.retention:
        known = waited.in_queue is not None
        return "" if known else ". CloudWatch has no age of the oldest punch: only the pause was counted"
    what = "paused" if oldest == paused else "the oldest punch has waited"
    raise CommandError(
        f"{what} for {oldest / _DAY:.1f} of the {kept.retention / _DAY:g} days that a punch is kept: if the database "
        f"then failed for {kept.failing / _HOUR:.0f} hours, the oldest would be lost without a dead letter. Let the "
        f"queue keep them for longer first, which holds for those that wait too: aws sqs set-queue-attributes "
        f"--queue-url {place.queue_url} --attributes MessageRetentionPeriod=1209600; or, with a database that is "
        "surely healthy, resume with --force. Nothing was changed",
        1,
    )


# What they are made of.


def _read(place: target.Target) -> list[Letter]:
    with mailbox.opened(place.sqs(), place.dlq_url) as box:
        return box.letters


def _write(file: Path, letters: Iterable[Letter]) -> None:
    with files.draft(file) as lines:
        for letter in letters:
            lines.write(json.dumps(letter.whole()) + "\n")


def _is_wanted(letter: Letter, arguments: argparse.Namespace) -> bool:
    return (
        (arguments.reason is None or letter.reason in arguments.reason)
        and (arguments.employee is None or letter.employee == arguments.employee)
        and (arguments.since is None or letter.received_ms >= arguments.since)
        and (arguments.until is None or letter.received_ms < arguments.until)
    )


def _one(letters: Iterable[Letter], prefix: str) -> Letter | None:
    found = [letter for letter in letters if prefix and letter.id.startswith(prefix)]
    if len(found) > 1:
        raise CommandError(f"{prefix!r} is ambiguous: {', '.join(letter.id for letter in found)}")
    return found[0] if found else None


def _choose(letters: Sequence[Letter], arguments: argparse.Namespace) -> tuple[list[Letter], dict[str, str]]:
    """Return the letters to redrive, and why for each id that is none of them."""
    if arguments.all:
        return list(letters), {}
    if arguments.reason:
        return [letter for letter in letters if letter.reason in arguments.reason], {}
    named = {prefix: _one(letters, prefix) for prefix in arguments.ids}
    chosen = {letter.id: letter for letter in named.values() if letter}
    return list(chosen.values()), {prefix: "no such dead letter" for prefix, letter in named.items() if not letter}


def _send_and_delete(
    place: target.Target, sender: "SQSClient", box: Mailbox, letters: Sequence[Letter]
) -> dict[str, str]:
    """Send first, then delete: whoever kills this loses nothing, and repeats at most one call's letters.

    Returns:
        Why, for the id of each letter that is still in the dead-letter queue.
    """
    functions = place.functions()
    punches = [letter for letter in letters if letter.way is not Way.ASYNCHRONOUS]
    events = [letter for letter in letters if letter.way is Way.ASYNCHRONOUS]
    failed: dict[str, str] = {}
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("redriving", total=len(letters))
        for part in mailbox.in_calls(punches):
            unsent = mailbox.send(sender, place.queue_url, part)
            failed |= unsent | _delete(box, part, unsent)
            progress.advance(bar, len(part))
        for part in mailbox.in_calls(events, 1):  # no unique id absorbs a repeated event that is no punch
            unsent = mailbox.invoke(functions, place.function, part)
            failed |= unsent | _delete(box, part, unsent)
            progress.advance(bar)
    return failed


def _delete(box: Mailbox, part: Sequence[Letter], unsent: Mapping[str, str]) -> dict[str, str]:
    kept = box.delete([letter for letter in part if letter.id not in unsent])
    return {name: f"sent, but not deleted (sending it again does no harm): {why}" for name, why in kept.items()}


def _table(letters: Iterable[Letter]) -> None:
    console = for_tables()
    table = Table(box=None, pad_edge=False)
    for name in ("id", "reason"):
        table.add_column(name, no_wrap=True)
    table.add_column("employee", justify="right", no_wrap=True)
    table.add_column("received", no_wrap=True)
    table.add_column("times", justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    for letter in letters:
        employee = "" if letter.employee is None else str(letter.employee)
        cells = (letter.id[:_SHORT], letter.reason, employee, letter.received, str(letter.receives), letter.detail)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console.print(table)


def _tell_failures(failed: Mapping[str, str]) -> None:
    by_reason: defaultdict[str, list[str]] = defaultdict(list)
    for name, why in failed.items():
        by_reason[why].append(name)
    for why, names in by_reason.items():
        print_result(f"failed: {printable(why)}")
        for name in names:
            print_result(f"  {name}")


def _pretty(body: str) -> str:
    with suppress(ValueError, RecursionError):  # shown as it came
        body = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    return printable(body, lines=True)
