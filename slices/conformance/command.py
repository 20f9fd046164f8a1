"""`ponto conformance`: whether a client keeps the contract when servers and networks misbehave."""

import json
import secrets
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import click

from ponto.parser import WIRE_FIELDS, InvalidPunchError, parse
from ponto.punch import INSTANT_COLUMN
from slices.conformance import rules
from slices.conformance.rules import Attempt, End, Expected, Seen, Verdict
from slices.conformance.run import Kit, Settings, serving
from tools.kit import commands, local_stack, tables
from tools.kit import options as opt
from tools.kit.errors import CommandError
from tools.kit.output import pluralize, print_json, print_result, print_status
from tools.kit.stopping import StopSignalError, raise_on_first_signal
from tools.kit.tables import Column
from tools.kit.target import LOCAL

_COLUMNS = (
    Column("rule"),
    Column("verdict"),
    Column("occasions", align_right=True),
)

_EPILOG = """examples:
  ponto conformance --listen 127.0.0.1:8080 --punches 20            no stack: it answers by itself
  ponto conformance --listen 127.0.0.1:8080 --stage local           before the stack of make run
  ponto conformance --listen 0.0.0.0:8080 --expect sent.ndjson --seed 7
  ponto conformance --listen 127.0.0.1:8080 --punches 20 --time-scale 0.01

Send punches to http://<listen>/ponto, best from an outbox that is full already. See docs/clients.md.

exit status: 0 no rule was broken, 1 one was, 2 the request is wrong, or nothing came that could be judged
"""


_REQUIRED = [field.name for field in WIRE_FIELDS if field.required]


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise ValueError(text)
    return host, int(port)


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")) or not text.endswith("/ponto"):
        raise ValueError(text)
    return text


@commands.command(epilog=_EPILOG)
@click.option(
    "--listen",
    type=opt.ParsedType("HOST:PORT", "not an address and a port, like 127.0.0.1:8080", _address),
    required=True,
    help="Where the client is to send its punches.",
)
@click.option(
    "--target",
    type=opt.ParsedType("URL", "not the address of an API's punches, like https://.../dev/ponto", _url),
    show_default=False,
    help="Pass punches on to this POST /ponto; never one in use.",
)
@click.option(
    "--stage",
    type=click.Choice([LOCAL]),
    cls=opt.MutuallyExclusiveOption,
    excludes=["--target"],
    show_default=False,
    help="Pass punches on to the stack of make run. Without either, it answers by itself.",
)
@click.option("--seed", type=opt.COUNT, show_default=False, help="Misbehave as in the run of this number.")
@click.option("--punches", type=opt.COUNT, default=0, show_default=False, help="End when as many came to an end.")
@click.option(
    "--expect",
    type=opt.FILE,
    show_default=False,
    metavar="FILE",
    help=f"What the client was asked to send, an object a line, with id or with {' and '.join(_REQUIRED)}.",
)
@click.option("--for", "most", type=opt.AGE, show_default=False, help="End after this time at the latest.")
@click.option(
    "--longest-wait",
    type=opt.AGE,
    default=timedelta(minutes=15),
    show_default="15m",
    help="The longest that the client waits between two attempts: one that is silent for longer has given up.",
)
@click.option(
    "--time-scale",
    type=opt.FloatRange(0, 1, min_open=True),
    default=1.0,
    help="Shorten all times by this factor, for a client that shortens its own as much.",
)
@opt.as_json
@opt.state
def conformance(
    listen: tuple[str, int],
    target: str | None,
    stage: str | None,
    seed: int | None,
    punches: int,
    expect: Path | None,
    most: timedelta | None,
    longest_wait: timedelta,
    time_scale: float,
    state: Path | None,
    *,
    as_json: bool,
) -> int:
    """Stand before the API, misbehave, and judge a client.

    It loses answers, resets connections, is silent, refuses, asks to wait, breaks down for a while, each by seed, and
    ends with a verdict for each rule of docs/clients.md: at --punches, at --for, or at Ctrl-C.
    """
    if stage:
        target = local_stack.find(state).api_url
    expected = expected_in(expect, punches) if expect and expect.exists() else Expected(punches)
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    settings = Settings(seed, *listen, target, time_scale, longest_wait.total_seconds())
    try:
        with serving(settings) as kit:
            to = f"before {target}" if target else "answering by itself"
            print_status(f"ponto conformance: send punches to {kit.url} ({to}), seed {seed}; Ctrl-C ends")
            seen = _wait(kit, expected, None if most is None else most.total_seconds())
    except OSError as error:
        where = ":".join(map(str, listen))
        raise CommandError(f"cannot listen on {where}: {error.strerror or error}") from None
    if expect:
        seen = seen._replace(expected=expected_in(expect, punches))  # it may have been written meanwhile
    return _report(seed, seen, as_json=as_json)


def _wait(kit: Kit, expected: Expected, most: float | None) -> Seen:
    try:
        raise_on_first_signal(lambda _: print_status("ponto conformance: the run is judged"))
        return kit.wait(expected, most)
    except StopSignalError:
        return kit.seen(expected)


def expected_in(file: Path, count: int) -> Expected:
    """Read what the client was asked to send.

    Raises:
        CommandError: it cannot be read, or a line names no punch.
    """
    ids: set[str] = set()
    whats = Counter[tuple[int, datetime]]()
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read {file}: {error}") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
            if fields.get("id"):
                ids.add(str(fields["id"]).lower())
            else:
                named = {name: fields[name] for name in _REQUIRED}
                punch = parse(json.dumps(named), UTC)
                whats[punch.employee_id, getattr(punch, INSTANT_COLUMN)] += 1
        except (ValueError, AttributeError, KeyError, InvalidPunchError):
            raise CommandError(
                f"{file}, line {number}: not an object with an id, or with {' and '.join(_REQUIRED)}"
            ) from None
    return Expected(max(count, len(ids) + whats.total()), frozenset(ids), whats)


def _report(seed: int, seen: Seen, *, as_json: bool) -> int:
    """Print the verdicts; give the exit status."""
    if not seen.attempts:
        raise CommandError("no punch came, so there is nothing to judge; send some to /ponto while it runs")
    verdicts = rules.judge(seen)
    ends = Counter(rules.end_of(attempts, seen) for attempts in seen.punches().values())
    counts = {
        "punches": ends.total(),
        "attempts": len(seen.attempts),
        **{end.value: ends[end] for end in (End.ACCEPTED, End.REFUSED, End.WITHOUT_KEY, End.WAITING)},
        "missing": len(rules.missing(seen)),
        "randomIds": sum(_is_random(attempts[0].id) for attempts in seen.punches().values()),
    }
    if as_json:
        judged = [
            {
                "rule": verdict.rule.name,
                "verdict": verdict.word,
                "occasions": verdict.found.occasions,
                "evidence": verdict.found.evidence,
            }
            for verdict in verdicts
        ]
        print_json({"seed": seed, **counts, "rules": judged, "log": [_attempt(each) for each in seen.attempts]})
    else:
        _print(seed, counts, verdicts)
    if counts["randomIds"]:
        print_status(
            f"ponto conformance: {counts['randomIds']} of {counts['punches']} ids are random (UUID version 4), which "
            "breaks no rule, but a large table pays for them; make them of version 7"
        )
    if not counts["accepted"]:
        print_status("ponto conformance: no punch was accepted; is the key right, and are the bodies punches?")
    if any(verdict.word == "broken" for verdict in verdicts):
        return 1
    return 0 if counts["accepted"] else 2


def _is_random(identity: str) -> bool:
    return bool(identity) and UUID(identity).version == 4


def _attempt(attempt: Attempt) -> dict[str, object]:
    return {
        "punch": attempt.punch + 1,
        "id": attempt.id,
        "begun": round(attempt.begun, 3),
        "ended": None if attempt.ended is None else round(attempt.ended, 3),
        "done": attempt.done,
        "stored": attempt.is_stored,
        "status": attempt.status,
    }


def _print(seed: int, counts: dict[str, int], verdicts: list[Verdict]) -> None:
    rows = [(verdict.rule.name, verdict.word, str(verdict.found.occasions)) for verdict in verdicts]
    tables.show(_COLUMNS, rows)
    for verdict in verdicts:
        for line in verdict.lines():
            print_result(f"{verdict.rule.name}: {line}")
    others = ", ".join(
        f"{counts[name]} {text}"
        for name, text in (
            ("waiting", "still waiting, for which the run was too short"),
            ("withoutKey", "waiting for a key"),
            ("missing", "that never came"),
        )
        if counts[name]
    )
    print_result(
        f"seed {seed}: {pluralize(counts['punches'], 'punch', 'punches')} "
        f"in {pluralize(counts['attempts'], 'attempt')}, {counts['accepted']} accepted, "
        f"{counts['refused']} refused{', ' if others else ''}{others}"
    )
