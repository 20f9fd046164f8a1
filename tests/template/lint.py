"""cfn-lint, with its rules for serverless applications, on the compiled template of every stage."""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.template.packaging import copy_project, package

STAGES = ("prod", "dev", "local")

IGNORED = {
    "ES1001": "an SQS source has no OnFailure destination: what fails there goes by the queue's redrive",
    "ES2000": "access logs need an account-wide role that a new account lacks",
    "ES6000": "the dead-letter queue itself has none after it",
    "W3005": "osls writes a function's DependsOn itself",
    "WS1000": "X-Ray costs per trace, and the log says what a batch did",
    "WS2002": "X-Ray costs per trace, and there is no code to trace in the gateway",
}


def findings(folder: Path, templates: Sequence[str], ignored: Iterable[str] = IGNORED) -> list[str]:
    """Lint templates.

    Args:
        folder: where they are.
        templates: their file names, which the findings start with.
        ignored: ids of rules.

    Raises:
        RuntimeError: cfn-lint itself failed.
    """
    options = ["--format", "parseable", "--append-rules", "cfn_lint_serverless.rules", "--ignore-checks", *ignored]
    run = subprocess.run(
        [Path(sys.executable).parent / "cfn-lint", *options, "--", *templates],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    found = run.stdout.splitlines()
    if run.stderr or bool(found) != bool(run.returncode):
        raise RuntimeError(f"cfn-lint failed:\n{run.stdout}{run.stderr}")
    return found


def main() -> int:
    reasons = "\n".join(f"  {rule:8}{reason}" for rule, reason in IGNORED.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.template.lint",
        description=f"{__doc__}\nIt needs no AWS account, and ends with 1 if it found something.",
        epilog=f"ignored rules:\n{reasons}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="ponto-") as temporary:
        folder = Path(temporary)
        project = copy_project(folder / "project")
        templates = [f"{stage}.json" for stage in STAGES]
        for stage, template in zip(STAGES, templates, strict=True):
            shutil.copy(package(project, stage).template_file, folder / template)
        found = findings(folder, templates)
    for finding in found:
        sys.stdout.write(f"{finding}\n")
    sys.stdout.write(f"template lint: {', '.join(STAGES)}: {len(found) or 'no'} finding{'s' * (len(found) != 1)}\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
