"""`ponto conformance`: test whether a client keeps the contract when servers and networks fail."""

import json
import secrets
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import click

from ponto.parser import InvalidPunchError, parse
from ponto.punch import EVENT
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
  ponto conformance --listen 127.0.0.1:8080 --punches 20            without a stack
  ponto conformance --listen 127.0.0.1:8080 --stage local           in front of the stack of make run
  ponto conformance --listen 0.0.0.0:8080 --expect sent.ndjson --seed 7
  ponto conformance --listen 127.0.0.1:8080 --punches 20 --time-scale 0.01

Send punches to http://HOST:PORT/ponto, preferably from an outbox that is already full. See docs/clients.md.

exit status: 0 no rule was broken, 1 a rule was broken, 2 the request is wrong, or no punch arrived or was accepted
"""


_REQUIRED_FIELDS = [field.name for field in EVENT.fields_required_first if field.required]


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
    help="Address to listen on, to which the client sends its punches.",
)
@click.option(
    "--target",
    type=opt.ParsedType("URL", "not the URL of a POST /ponto, like https://.../dev/ponto", _parse_url),
    show_default=False,
    help="Forward punches to this POST /ponto. Use a test stage, because the punches are stored.",
)
@click.option(
    "--stage",
    type=click.Choice([LOCAL]),
    cls=opt.MutuallyExclusiveOption,
    excludes=["--target"],
    show_default=False,
    help="Forward punches to the stack of make run. Without this and --target, the command answers them itself.",
)
@click.option(
    "--seed",
    type=opt.COUNT,
    show_default=False,
    help="Seed of the faults; the same seed repeats them. Random by default.",
)
@click.option(
    "--punches", type=opt.COUNT, default=0, show_default=False, help="End when this number of punches is finished."
)
@click.option(
    "--expect",
    type=opt.FILE,
    show_default=False,
    metavar="FILE",
    help="Punches that the client was asked to send: one JSON object a line, with id or with "
    f"{' and '.join(_REQUIRED_FIELDS)}.",
)
@click.option("--for", "duration", type=opt.AGE, show_default=False, help="End after this time at the latest.")
@click.option(
    "--longest-wait",
    type=opt.AGE,
    default=timedelta(minutes=15),
    show_default="15m",
    help="Longest wait of the client between two attempts. If it is silent for longer, it has given up.",
)
@click.option(
    "--time-scale",
    type=opt.FloatRange(0, 1, min_open=True),
    default=1.0,
    help="Multiply all times by this factor, for a client whose own waits are shortened by the same factor.",
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
    duration: timedelta | None,
    longest_wait: timedelta,
    time_scale: float,
    state: Path | None,
    *,
    as_json: bool,
) -> int:
    """Inject faults between a client and the API, and judge the client.

    The seed decides the faults: lost responses, reset connections, silence, refusals, Retry-After, an outage. When
    --punches or --for is reached, or at Ctrl-C, the command prints a verdict for each rule of docs/clients.md.
    """
    if stage:
        target = local_stack.find(state).api_url
    expected = read_expected_punches(expect, punches) if expect and expect.exists() else ExpectedPunches(punches)
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    settings = ProxySettings(seed, *listen, target, time_scale, longest_wait.total_seconds())
    try:
        with run_proxy(settings) as proxy:
            backend = f"forwarded to {target}" if target else "answered without a stack"
            print_status(
                f"ponto conformance: send punches to {proxy.url} ({backend}), seed {seed}; Ctrl-C ends the run"
            )
            log = _wait(proxy, expected, None if duration is None else duration.total_seconds())
    except OSError as error:
        address = ":".join(map(str, listen))
        raise CommandError(f"cannot listen on {address}: {error.strerror or error}") from None
    if expect:
        # The file may have been written during the run.
        log = log._replace(expected=read_expected_punches(expect, punches))
    return _report_run(seed, log, as_json=as_json)


def _wait(proxy: FaultProxy, expected: ExpectedPunches, max_seconds: float | None) -> RunLog:
    try:
        raise_on_first_signal(lambda _: print_status("ponto conformance: stopped, judging the run"))
        return proxy.wait(expected, max_seconds)
    except StopSignalError:
        return proxy.run_log(expected)


def read_expected_punches(file: Path, count: int) -> ExpectedPunches:
    """Read the punches that the client was asked to send.

    Args:
        file: one JSON object a line, with an id or with the required fields.
        count: minimum number of expected punches, even if the file has fewer lines.

    Raises:
        CommandError: The file cannot be read, or a line is not a punch.
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
                punch = parse(json.dumps({name: fields[name] for name in _REQUIRED_FIELDS}), UTC)
                counts_without_id[EVENT.subject_id(punch), getattr(punch, EVENT.instant)] += 1
        except (ValueError, AttributeError, KeyError, InvalidPunchError):
            raise CommandError(
                f"{file}, line {number}: expected an object with id, or with {' and '.join(_REQUIRED_FIELDS)}"
            ) from None
    return ExpectedPunches(max(count, len(ids) + counts_without_id.total()), frozenset(ids), counts_without_id)


def _report_run(seed: int, log: RunLog, *, as_json: bool) -> int:
    """Print the verdicts, and return the exit status."""
    if not log.attempts:
        raise CommandError(
            "no punch arrived, so there is nothing to judge. Send punches to /ponto while the command runs."
        )
    verdicts = rules.judge(log)
    states = Counter(rules.punch_state(attempts, log) for attempts in log.attempts_by_punch().values())
    counts = {
        "punches": states.total(),
        "attempts": len(log.attempts),
        **{
            state.value: states[state]
            for state in (PunchState.ACCEPTED, PunchState.REFUSED, PunchState.WITHOUT_KEY, PunchState.WAITING)
        },
        "missing": len(rules.missing_punches(log)),
        "randomIds": sum(_is_random(attempts[0].id) for attempts in log.attempts_by_punch().values()),
    }
    if as_json:
        rule_reports = [
            {
                "rule": verdict.rule.name,
                "verdict": verdict.outcome,
                "occasions": verdict.finding.occasions,
                "evidence": verdict.finding.evidence,
            }
            for verdict in verdicts
        ]
        print_json({"seed": seed, **counts, "rules": rule_reports, "log": list(map(_attempt_to_json, log.attempts))})
    else:
        _print_verdicts(seed, counts, verdicts)
    if counts["randomIds"]:
        print_status(
            f"ponto conformance: {counts['randomIds']} of {counts['punches']} ids are random (UUID version 4). "
            "This breaks no rule, but slows a large table down; use version 7"
        )
    if not counts["accepted"]:
        print_status("ponto conformance: no punch was accepted. Check the API key and the bodies of the requests.")
    if any(verdict.outcome == "broken" for verdict in verdicts):
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
        "done": attempt.fault,
        "stored": attempt.is_stored,
        "status": attempt.status,
    }


def _print_verdicts(seed: int, counts: dict[str, int], verdicts: list[RuleVerdict]) -> None:
    rows = [(verdict.rule.name, verdict.outcome, str(verdict.finding.occasions)) for verdict in verdicts]
    tables.show(_COLUMNS, rows)
    for verdict in verdicts:
        for line in verdict.lines():
            print_result(f"{verdict.rule.name}: {line}")
    other_counts = ", ".join(
        f"{counts[name]} {text}"
        for name, text in (
            ("waiting", "still waiting: the run was too short for them"),
            ("withoutKey", "waiting for a key"),
            ("missing", "that never arrived"),
        )
        if counts[name]
    )
    print_result(
        f"seed {seed}: {pluralize(counts['punches'], 'punch', 'punches')} "
        f"in {pluralize(counts['attempts'], 'attempt')}, {counts['accepted']} accepted, "
        f"{counts['refused']} refused{', ' if other_counts else ''}{other_counts}"
    )
