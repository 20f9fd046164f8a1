"""Report of the last deploy, which a user may publish: `ponto deploy` writes it, `ponto deploy --report` prints it.

It has no account, name, address or id: each field has a form that admits none, and texts are redacted, both when the
file is written and when it is printed.
"""

import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import botocore
import click
from botocore.exceptions import BotoCoreError, ClientError

from ponto import __version__
from slices import enabled
from tools.deploy.failed_events import Failure
from tools.deploy.proof import Proof
from tools.deploy.redaction import redact
from tools.kit import osls, parameters, slices, target
from tools.kit.clock import Clock
from tools.kit.errors import CommandError
from tools.kit.files import draft
from tools.kit.output import camel_case, pluralize, print_json, print_result, print_status
from tools.kit.project import ROOT

FIRST_STEP = "look up the deployed stage"
CHECK_STEP = "check names, plan and quotas"
CONFIRM_STEP = "confirm"
_STEPS_WITHOUT_PROPOSAL = {FIRST_STEP, CHECK_STEP, CONFIRM_STEP}  # the user corrects something, and deploys again

_PROPOSAL = (
    "few deploys have been reported: `ponto deploy --report` prints this one without account, names and addresses, to "
    "paste into an issue (docs/deploy.md#report-a-deploy)"
)
_FILE_NAME = "last-deploy.json"
_OUTCOMES = ("done", "failed", "interrupted", "unfinished")
_HARMLESS_TYPES = ("boolean", "choice", "integer", "number")  # of parameters whose values cannot identify
_VERSION = r"v?\d+(\.\d+){0,3}([-+.]?(a|b|rc|alpha|beta|dev|post)?[.-]?\d*){0,3}"
_DISTRIBUTIONS = (
    "almalinux|alpine|amzn|arch|centos|debian|fedora|gentoo|kali|linuxmint|manjaro|nixos|ol|opensuse-leap|"
    "opensuse-tumbleweed|rhel|rocky|sles|ubuntu"
)
_VERSIONS = {
    "project": _VERSION,
    "commit": "[0-9a-f]{7,40}( with changes)?",
    "osls": _VERSION,
    "node": _VERSION,
    "python": _VERSION,
    "botocore": _VERSION,
    "system": rf"(Linux|Darwin|Windows)( ({_DISTRIBUTIONS}))?( [\d.]{{1,12}})?( (x86_64|AMD64|aarch64|arm64))?",
}


class Recorder:
    """Writer of the report of one deploy. If the file cannot be written, it prints that once."""

    def __init__(self, folder: Path, clock: Clock, names: Mapping[str, str], facts: Mapping[str, Any]) -> None:
        """Begin a report.

        Args:
            folder: folder of the file.
            clock: clock that measures the steps.
            names: names to remove, each with its placeholder; see `redact`.
            facts: first fields of the report.
        """
        self._file, self._clock, self._names = folder / _FILE_NAME, clock, names
        self._started = self._step_started = clock.monotonic()
        self._is_writable = True
        self._document: dict[str, Any] = {
            "day": f"{clock.now():%Y-%m-%d}",
            "outcome": "unfinished",
            "steps": [],
            "failures": [],
            "unchanged": [],
            "isProposed": _is_proposed(self._file),
            **facts,
        }

    def begin_step(self, name: str) -> None:
        """Record that the last step succeeded, and that another one begins."""
        self._end_step("done")
        self._step_started = self._clock.monotonic()
        self._document["steps"].append({"name": name, "outcome": "unfinished", "seconds": None})
        self.write()

    def add(self, **facts: Any) -> None:
        """Record fields of the report."""
        self._document |= facts
        self.write()

    def add_failures(self, failures: Sequence[Failure]) -> None:
        """Record failures of CloudFormation."""
        self._document["failures"] += [camel_case(failure._asdict()) for failure in failures]

    def add_proof(self, migrations: Sequence[str], proof: Proof, *, needs_token: bool) -> None:
        """Record that a punch was stored."""
        self.add(migrations=len(migrations), proofSeconds=round(proof.seconds, 1), needsToken=needs_token)

    def end(self, outcome: str, message: str = "") -> None:
        """Record how the deploy ended, and at the first end in a checkout propose the report."""
        self._end_step(outcome)
        self._document |= {"outcome": outcome, "seconds": self._seconds_since(self._started)}
        self._document["message"] = message.partition("\n")[0]
        step = self._document["steps"][-1]["name"] if self._document["steps"] else FIRST_STEP
        is_worth_proposing = outcome == "done" or (outcome == "failed" and step not in _STEPS_WITHOUT_PROPOSAL)
        propose = is_worth_proposing and not self._document["isProposed"] and not self._document["isEmulator"]
        self._document["isProposed"] |= propose
        self.write()
        if propose and self._is_writable:
            print_status(_PROPOSAL)

    def write(self) -> None:
        """Write the report."""
        if not self._is_writable:
            return
        try:
            self._file.parent.mkdir(mode=0o700, exist_ok=True)
            with draft(self._file) as out:
                json.dump(_clean(self._document, self._names), out, indent=2)
        except (OSError, CommandError) as error:
            self._is_writable = False
            print_status(f"the deploy goes on without a report: {error}")

    def _end_step(self, outcome: str) -> None:
        if self._document["steps"]:
            seconds = self._seconds_since(self._step_started)
            self._document["steps"][-1] |= {"outcome": outcome, "seconds": seconds}

    def _seconds_since(self, started: float) -> float:
        return round(self._clock.monotonic() - started, 1)


@contextmanager
def record(
    folder: Path, clock: Clock, target_options: target.TargetOptions, account: target.Account, params: Sequence[str]
) -> Iterator[Recorder]:
    """Record a deploy, whatever ends it. If the process is killed, the last step remains `unfinished`.

    Args:
        folder: folder of the report.
        clock: clock that measures the steps.
        target_options: the stage's options.
        account: the account to which it is deployed.
        params: parameters of this deploy, NAME=VALUE.
    """
    stage = target_options.stage
    stage_values = parameters.stages().get(stage)
    values = dict(stage_values if isinstance(stage_values, dict) else {})  # osls refuses another type
    values |= dict(param.split("=", 1) for param in params if "=" in param)
    names = dict.fromkeys(_words(values), "value") | {
        stage: "stage",
        osls.service(): "service",
        osls.stack_name(stage): "stack",
        account.id: "account",
        target_options.profile or "": "profile",
    }
    facts = {
        "versions": _versions(),
        "region": account.session.region_name,
        "isEmulator": target.emulator_url() is not None,
        "parameters": values,
        "slices": [each.public_name for each in enabled.load().values()],
    }
    recorder = Recorder(folder, clock, names, facts)
    try:
        yield recorder
    except CommandError as error:
        recorder.end("failed", str(error))
        raise
    except (BotoCoreError, ClientError) as error:
        recorder.end("failed", target.explain(error))
        raise
    except click.Abort:
        recorder.end("interrupted")
        raise
    except Exception as error:
        recorder.end("failed", type(error).__name__)
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
    if as_json:
        print_json({key: value for key, value in report.items() if key != "isProposed"})
    else:
        print_result(*_format(report))


def _read(file: Path) -> dict[str, Any]:
    try:
        return _clean(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise CommandError("no stage was deployed from this folder; run make deploy first") from None
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise CommandError(f"{file} cannot be read ({type(error).__name__}); deploy again") from None


def _is_proposed(file: Path) -> bool:
    try:
        return _read(file)["isProposed"] is True
    except CommandError:
        return False


def _clean(document: Mapping[str, Any], names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the fields of a report whose values have the expected form, with texts redacted."""
    values: Mapping[str, Any] = document.get("parameters") or {}
    declared = _public_parameters()
    versions: Mapping[str, Any] = document.get("versions") or {}
    return {
        "day": _matching(r"\d{4}-\d\d-\d\d", document.get("day")),
        "outcome": _matching("|".join(_OUTCOMES), document.get("outcome")),
        "seconds": _number(document.get("seconds")),
        "versions": {name: _matching(pattern, versions.get(name)) for name, pattern in _VERSIONS.items()},
        "region": _matching(r"[a-z]{2,3}(-[a-z]{2,10}){1,3}-\d", document.get("region")),
        "isEmulator": document.get("isEmulator") is True,
        "isNew": document.get("isNew") is True,
        "database": _matching("create|existing|express", document.get("database")),
        "login": _matching("iam|secret", document.get("login")),
        "parameters": {
            name: _public_value(declared[name], value)
            for name, value in values.items()
            if name in declared and value != declared[name]["default"]
        },
        "otherParameters": len(values.keys() - declared.keys()) + int(document.get("otherParameters") or 0),
        "slices": [name for name in document.get("slices") or [] if name in _public_slices()],
        "otherSlices": sum(name not in _public_slices() for name in document.get("slices") or [])
        + int(document.get("otherSlices") or 0),
        "steps": [
            {
                "name": _matching("[a-z][a-z, ]{0,60}", step["name"]),
                "outcome": _matching("|".join(_OUTCOMES), step["outcome"]),
                "seconds": _number(step["seconds"]),
            }
            for step in document["steps"]
        ],
        "message": redact(str(document.get("message") or ""), names),
        "migrations": _number(document.get("migrations")),
        "proofSeconds": _number(document.get("proofSeconds")),
        "needsToken": document.get("needsToken") is True,
        "failures": [_clean_failure(failure, names) for failure in document["failures"]],
        "unchanged": [redact(str(text), names) for text in document["unchanged"]],
        "isProposed": document.get("isProposed") is True,
    }


def _clean_failure(failure: Mapping[str, Any], names: Mapping[str, str] | None) -> dict[str, Any]:
    return {
        "resource": _matching("[A-Za-z0-9]{1,255}", failure["resource"]),  # the stack's own name has a hyphen
        "type": _matching("AWS(::[A-Za-z0-9]{1,60}){2,3}", failure["type"]),
        "path": _matching("(/[A-Za-z0-9]{1,255}){1,20}", failure["path"]),
        "reason": redact(str(failure["reason"]), names),
        "isWarning": failure["isWarning"] is True,
    }


def _matching(pattern: str, value: object) -> str | None:
    return value if isinstance(value, str) and re.fullmatch(pattern, value) else None


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _public_slices() -> set[str]:
    return {each.public_name for each in enabled.load().values()} - {""}


@cache
def _public_parameters() -> dict[str, dict[str, Any]]:
    """Return the declarations of the parameters but those of slices that do not belong to this project."""
    private = {
        name
        for manifest in slices.enabled_manifests()
        if not enabled.load()[manifest.name].public_name
        for name in parameters.slice_declarations(manifest)
    }
    return {name: declaration for name, declaration in parameters.declarations().items() if name not in private}


def _public_value(declaration: Mapping[str, Any], value: object) -> str | None:
    """Return a parameter's value; None if it may identify the owner."""
    text = str(value)
    if declaration["type"] in ("integer", "number"):
        is_public = re.fullmatch(r"\d{1,9}(\.\d{1,3})?|none", text) is not None
    else:
        choices = {"boolean": ["true", "false"], "choice": declaration.get("values", [])}.get(declaration["type"], [])
        is_public = text in [*choices, "none"] and bool(choices)
    return text if is_public else None


def _words(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the values of parameters, and the parts of lists and of NAME=VALUE, that may identify the owner."""
    declared = _public_parameters()
    for name, value in values.items():
        if declared.get(name, {}).get("type") in _HARMLESS_TYPES:
            continue
        text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        yield from (word for word in (text, *re.split("[,=]", text)) if len(word) > 1)


@cache
def _versions() -> dict[str, str | None]:
    return {
        "project": __version__,
        "commit": _commit(),
        "osls": _osls_version(),
        "node": _output("node", "--version"),
        "python": platform.python_version(),
        "botocore": botocore.__version__,
        "system": _system(),
    }


def _commit() -> str | None:
    if not (ROOT / ".git").exists():  # otherwise git would search the folders above
        return None
    changes = _output("git", "status", "--porcelain", "--untracked-files=no")
    return (_output("git", "rev-parse", "--short=12", "HEAD") or "") + (" with changes" if changes else "")


def _osls_version() -> str | None:
    try:
        package = json.loads((ROOT / "node_modules" / "osls" / "package.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return str(package.get("version"))


def _system() -> str:
    name, version = platform.system(), platform.mac_ver()[0]
    if name == "Linux":
        try:
            release = platform.freedesktop_os_release()
            version = f"{release['ID']} {release.get('VERSION_ID', '')}".strip()
        except OSError:
            version = ""
    return " ".join(filter(None, (name, version, platform.machine())))


def _output(*command: str) -> str | None:
    """Return the output of a command; None if it is missing or failed."""
    environment = {**os.environ, "PATH": osls.search_path(os.environ)}
    try:
        completed = subprocess.run(  # noqa: S603  fixed commands
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return completed.stdout.strip()


def _format(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a report."""
    yield f"deploy      {_describe_outcome(report)}"
    yield f"day         {report['day'] or 'unknown'}"
    versions = (f"{name} {version}" for name, version in report["versions"].items() if version)
    yield f"versions    {', '.join(versions)}"
    yield f"region      {report['region'] or 'unknown'}{', the emulator' if report['isEmulator'] else ''}"
    kind = "a new stage" if report["isNew"] else "a deployed stage"
    yield f"database    {report['database'] or 'unknown'}, {report['login'] or 'unknown'}; {kind}"
    yield f"parameters  {_join(_format_parameters(report))}"
    others = report["otherSlices"]
    yield f"slices      {_join([*report['slices'], *([f'{others} not of this project'] if others else [])])}"
    for step in report["steps"]:
        seconds = "" if step["seconds"] is None else f"{step['seconds']:.1f} s"
        yield f"{seconds:>10}  {step['outcome'] or 'unknown':11} {step['name'] or 'unknown'}"
    if report["proofSeconds"] is not None:
        login = "with sign-in" if report["needsToken"] else "without sign-in"
        migrations = pluralize(int(report["migrations"] or 0), "migration")
        seconds = f"{report['proofSeconds']:.1f} s"
        yield f"proven      a punch was stored {seconds} after it was accepted, {login}; {migrations}"
    yield from (f"unchanged   {text}" for text in report["unchanged"])
    if report["message"]:
        yield f"message     {report['message']}"
    if report["failures"]:
        yield "CloudFormation's reasons"
        yield from map(_format_failure, report["failures"])


def _describe_outcome(report: Mapping[str, Any]) -> str:
    outcome = report["outcome"] or "unknown"
    step = report["steps"][-1]["name"] if report["steps"] else None
    after = "" if report["seconds"] is None else f" after {report['seconds']:.0f} s"
    match outcome:
        case "done":
            return f"succeeded{after}"
        case "unfinished":
            return f"killed, or still running, in the step: {step or 'none'}"
    return f"{outcome}{after} in the step: {step or 'none'}"


def _format_parameters(report: Mapping[str, Any]) -> Iterator[str]:
    for name, value in report["parameters"].items():
        yield name if value is None else f"{name}={value}"
    if others := report["otherParameters"]:
        yield f"{others} not of this project"


def _join(words: Iterable[str]) -> str:
    return ", ".join(words) or "none"


def _format_failure(failure: Mapping[str, Any]) -> str:
    kind = f" ({failure['type']})" if failure["type"] else ""
    path = f", {failure['path']}" if failure["path"] else ""
    warning = "warning: " if failure["isWarning"] else ""
    return f"  {warning}{failure['resource'] or 'the stack'}{kind}{path}: {failure['reason']}"
