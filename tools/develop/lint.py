"""cfn-lint, with its rules for serverless applications, and checkov on compiled templates and the deploying role."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tools.kit import commands, slices
from tools.kit.packaging import copy_project, package
from tools.kit.project import ROOT

STAGES = ("prod", "dev", "local")
ALONE = (ROOT / ".github" / "deploy-role.yml", ROOT / "tools" / "deploy" / "tunnel.yml")  # templates too
AUDITED = ("prod", "dev")  # by checkov: local is one machine, with nothing to encrypt or to keep apart

# What the two find and we do not follow: a rule, everywhere, or a rule of checkov and the one resource it may concern.
_OF_THE_REFERENCE = {
    "ES1001": "an SQS source has no OnFailure destination: what fails there goes by the queue's redrive",
    "ES2000": "access logs are the parameter accessLogs: they need an account-wide role that a new account lacks",
    "ES6000": "the dead-letter queue itself has none after it",
    "W3005": "osls writes a function's DependsOn itself",
    "WS1000": "X-Ray is the parameter tracing: it costs per trace, and the log says what a batch did",
    "WS2002": "X-Ray is the parameter tracing: there is no code to trace in the gateway",
    "CKV_AWS_18 ServerlessDeploymentBucket": "it holds code and templates, which git has too, and no punch",
    "CKV_AWS_21 ServerlessDeploymentBucket": "each deploy has a folder of its own, and osls keeps the last five",
    "CKV_AWS_26 AlarmTopic": "of dev, where a key of our own costs more than the alarms, which tell of no punch",
    "CKV_AWS_27": "SQS encrypts both queues with its own key; one of ours would cost per call and bring nobody else in",
    **{
        f"CKV_AWS_{number} DeployBoundary": "a boundary grants nothing, and who deploys makes all that a stage has"
        for number in (107, 108, 109, 110, 111)
    },
    "CKV_AWS_73 ApiStage": "as WS2002",
    "CKV_AWS_76 ApiStage": "as ES2000",
    "CKV_AWS_108 RoleBoundary": "a boundary grants nothing, and the secrets' names are RDS's and yours",
    "CKV_AWS_111 RoleBoundary": "as CKV_AWS_111 NetworkInterfacesPolicy",
    "CKV_AWS_111 NetworkInterfacesPolicy": "the interfaces do not exist yet when the right to make them is asked for",
    "CKV_AWS_115 SchemaLambdaFunction": "a deploy invokes it; a lock keeps two apart, and reserving takes from others",
    "CKV_AWS_116 SchemaLambdaFunction": "whoever invokes it waits for its answer, so nobody misses a failure",
    "CKV_AWS_116 ReadLambdaFunction": "as CKV_AWS_116 SchemaLambdaFunction",
    "CKV_AWS_118 DatabaseInstance": "metrics of an operating system that nobody can log in to, paid for per GB of logs",
    "CKV_AWS_120 ApiStage": "a punch must be stored, and a receipt is asked for until it is there: nothing to cache",
    "CKV_AWS_149 FunctionSecret": "Secrets Manager encrypts it with its own key, and no other account reads it",
    "CKV_AWS_149 ReadSecret": "as CKV_AWS_149 FunctionSecret",
    "CKV_AWS_158": "CloudWatch encrypts logs with its own key, and no punch is in them",
    "CKV_AWS_162 DatabaseCluster": "one way in, by passwords from Secrets Manager; nothing here signs IAM tokens",
    "CKV_AWS_173": "Lambda encrypts the environment with its own key, and it holds names, no secret",
}
IGNORED: Mapping[str, str] = slices.said_by_name("accepts", _OF_THE_REFERENCE)
_SWITCHES = [  # all that slices leave off
    f"{name}=true"
    for each in slices.installed()
    for name, value in (each.says.get("parameters") or {}).items()
    if value is False
]

_OURS = Path(sys.executable).parent
_AUDITORS = ROOT / ".venv-audit" / "bin"


def findings(folder: Path, templates: Sequence[str], ignored: Iterable[str] = IGNORED) -> list[str]:
    """Let cfn-lint look at templates.

    Args:
        folder: where they are.
        templates: their file names, which the findings start with.
        ignored: ids of rules; those of others than cfn-lint do no harm.

    Raises:
        RuntimeError: cfn-lint itself failed.
    """
    rules = [name for name in ignored if not name.startswith("CKV")]
    options = ["--format", "parseable", "--append-rules", "cfn_lint_serverless.rules", "--ignore-checks", *rules]
    run = _run(folder, _OURS / "cfn-lint", *options, "--", *templates)
    found = run.stdout.splitlines()
    if run.stderr or bool(found) != bool(run.returncode):
        raise RuntimeError(f"cfn-lint failed:\n{run.stdout}{run.stderr}")
    return found


def audit(folder: Path, templates: Sequence[str], ignored: Iterable[str] = IGNORED) -> list[str]:
    """Let checkov look at templates; arguments as for `findings`. It asks no service.

    Raises:
        RuntimeError: checkov is not installed, or failed.
    """
    program = _AUDITORS / "checkov"
    if not program.exists():
        raise RuntimeError(f"{program} does not exist; `make check` makes it")
    options = ["--framework", "cloudformation", "--skip-download", "--quiet", "--compact", "--output", "json"]
    run = _run(folder, program, *options, "--file", *templates)
    try:
        report = json.loads(run.stdout)
        summary = report["summary"]  # not there when there was nothing that it could read
        failed = [(check["file_path"], check["check_id"], check) for check in report["results"]["failed_checks"]]
    except (ValueError, KeyError, TypeError):
        raise RuntimeError(f"checkov failed:\n{run.stdout}{run.stderr}") from None
    if summary["parsing_errors"] or not summary["passed"]:
        raise RuntimeError(f"checkov could not read {', '.join(templates)}:\n{run.stdout}{run.stderr}")
    known = set(ignored)
    return [
        f"{path.lstrip('/')}: {rule} {resource}: {check['check_name']}"
        for path, rule, check in failed
        if not {rule, f"{rule} {(resource := check['resource'].rpartition('.')[2])}"} & known
    ]


def _run(folder: Path, program: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    # No key of checkov's platform, and no AWS: what is on the disk is all that they look at.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("BC_", "CKV_", "AWS_"))}
    with tempfile.TemporaryDirectory(prefix="ponto-") as scratch:  # for what they would keep at home and in /tmp
        environment |= {"HOME": scratch, "TMPDIR": scratch}
        return subprocess.run(
            [program, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )


_EPILOG = "example:\n  .venv/bin/python -m tools.develop.lint\n\nignored rules:\n" + "\n".join(
    f"  {rule}\n{textwrap.indent(textwrap.fill(reason, 74), '    ')}" for rule, reason in IGNORED.items()
)


@commands.command(epilog=_EPILOG)
def lint() -> int:
    """Look at compiled templates, the deploying role and the tunnel with cfn-lint, its serverless rules, and checkov.

    It needs no AWS account, and ends with 1 if it found something.
    """
    with tempfile.TemporaryDirectory(prefix="ponto-") as temporary:
        folder = Path(temporary)
        project = copy_project(folder / "project")
        for stage in STAGES:
            shutil.copy(package(project, stage, *_SWITCHES).template_file, folder / f"{stage}.json")
        for file in ALONE:
            shutil.copy(file, folder)
        alone = [file.name for file in ALONE]
        found = findings(folder, [*alone, *(f"{stage}.json" for stage in STAGES)])
        found += audit(folder, [*alone, *(f"{stage}.json" for stage in AUDITED)])
    for finding in found:
        sys.stdout.write(f"{finding}\n")
    looked_at = ", ".join((*STAGES, *alone))
    sys.stdout.write(f"template lint: {looked_at}: {len(found) or 'no'} finding{'s' * (len(found) != 1)}\n")
    return 1 if found else 0


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; see `commands.run`."""
    return commands.run(lint, ".venv/bin/python -m tools.develop.lint", words)


if __name__ == "__main__":
    sys.exit(main())
