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
from slices.conformance.fault_proxy import FaultProxy, ProxySettings, run_proxy
from slices.conformance.rules import Attempt, ExpectedPunches, PunchState, RuleVerdict, RunLog
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


_REQUIRED_FIELDS = [field.name for field in WIRE_FIELDS if field.required]


def _parse_address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise ValueError(text)
    return host, int(port)


def _parse_url(text: str) -> str:
    if not text.startswith(("http://", "https://")) or not text.endswith("/ponto"):
        raise ValueError(text)
    return text


@commands.command(epilog=_EPILOG)
@click.option(
    "--listen",
    type=opt.ParsedType("HOST:PORT", "not an address and a port, like 127.0.0.1:8080", _parse_address),
    required=True,
    help="Where the client is to send its punches.",
)
@click.option(
    "--target",
    type=opt.ParsedType("URL", "not the address of an API's punches, like https://.../dev/ponto", _parse_url),
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
    help=f"What the client was asked to send, an object a line, with id or with {' and '.join(_REQUIRED_FIELDS)}.",
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
    expected = read_expected_punches(expect, punches) if expect and expect.exists() else ExpectedPunches(punches)
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    settings = ProxySettings(seed, *listen, target, time_scale, longest_wait.total_seconds())
    try:
        with run_proxy(settings) as proxy:
            to = f"before {target}" if target else "answering by itself"
            print_status(f"ponto conformance: send punches to {proxy.url} ({to}), seed {seed}; Ctrl-C ends")
            log = _wait(proxy, expected, None if most is None else most.total_seconds())
    except OSError as error:
        where = ":".join(map(str, listen))
        raise CommandError(f"cannot listen on {where}: {error.strerror or error}") from None
    if expect:
        log = log._replace(expected=read_expected_punches(expect, punches))  # it may have been written meanwhile
    return _report_run(seed, log, as_json=as_json)


def _wait(proxy: FaultProxy, expected: ExpectedPunches, most: float | None) -> RunLog:
    try:
        raise_on_first_signal(lambda _: print_status("ponto conformance: the run is judged"))
        return proxy.wait(expected, most)
    except StopSignalError:
        return proxy.run_log(expected)


def read_expected_punches(file: Path, count: int) -> ExpectedPunches:
    """Read what the client was asked to send.

    Raises:
        CommandError: it cannot be read, or a line names no punch.
    """
    ids: set[str] = set()
    counts_without_id = Counter[tuple[int, datetime]]()
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
                named = {name: fields[name] for name in _REQUIRED_FIELDS}
                punch = parse(json.dumps(named), UTC)
                counts_without_id[punch.employee_id, getattr(punch, INSTANT_COLUMN)] += 1
        except (ValueError, AttributeError, KeyError, InvalidPunchError):
            raise CommandError(
                f"{file}, line {number}: not an object with an id, or with {' and '.join(_REQUIRED_FIELDS)}"
            ) from None
    return ExpectedPunches(max(count, len(ids) + counts_without_id.total()), frozenset(ids), counts_without_id)


def _report_run(seed: int, log: RunLog, *, as_json: bool) -> int:
    """Print the verdicts; give the exit status."""
    if not log.attempts:
        raise CommandError("no punch came, so there is nothing to judge; send some to /ponto while it runs")
    verdicts = rules.judge(log)
    ends = Counter(rules.punch_state(attempts, log) for attempts in log.punches().values())
    counts = {
        "punches": ends.total(),
        "attempts": len(log.attempts),
        **{
            end.value: ends[end]
            for end in (PunchState.ACCEPTED, PunchState.REFUSED, PunchState.WITHOUT_KEY, PunchState.WAITING)
        },
        "missing": len(rules.missing_punches(log)),
        "randomIds": sum(_is_random(attempts[0].id) for attempts in log.punches().values()),
    }
    if as_json:
        verdicts_by_run = [
            {
                "rule": verdict.rule.name,
                "verdict": verdict.word,
                "occasions": verdict.finding.occasions,
                "evidence": verdict.finding.evidence,
            }
            for verdict in verdicts
        ]
        print_json(
            {"seed": seed, **counts, "rules": verdicts_by_run, "log": [_attempt_to_json(each) for each in log.attempts]}
        )
    else:
        _print_verdicts(seed, counts, verdicts)
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


def _attempt_to_json(attempt: Attempt) -> dict[str, object]:
    return {
        "punch": attempt.punch + 1,
        "id": attempt.id,
        "begun": round(attempt.started_at, 3),
        "ended": None if attempt.ended_at is None else round(attempt.ended_at, 3),
        "done": attempt.effect_text,
        "stored": attempt.is_stored,
        "status": attempt.status,
    }


def _print_verdicts(seed: int, counts: dict[str, int], verdicts: list[RuleVerdict]) -> None:
    rows = [(verdict.rule.name, verdict.word, str(verdict.finding.occasions)) for verdict in verdicts]
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
