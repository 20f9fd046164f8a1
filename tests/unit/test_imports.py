"""Rules of imports: packages depend on each other in one direction, and slow modules are imported only when needed."""

import ast
import json
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tools.kit import slices
from tools.kit.project import ROOT


def imports(path: Path) -> set[str]:
    """Return the full names of all imports of a file, also those inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            in_package = node.module in ("ponto", "slices")
            names |= {f"{node.module}.{alias.name}" for alias in node.names} if in_package else {node.module}
    return names


def loaded_modules(code: str) -> set[str]:
    """Return the names of the modules that a new Python process has loaded after running some code."""
    code += "\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout.splitlines()[-1]))


def packages(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def installed(names: set[str]) -> set[str]:
    return packages(names) & packages_distributions().keys()


# Package -> the packages that it may import. `ponto` is deployed and imports none of the others.
PACKAGES = {
    "ponto": set[str](),
    "slices": {"ponto", "tools"},
    "tools": {"ponto"},
    "loadtest": {"ponto", "tools"},
    "lab": {"ponto", "handler", "tools", "loadtest"},  # only in the reference
}


FOLDERS = [*PACKAGES, "tests"]
"""Folders with Python files."""

SLICE_MODULES = {"slices.definition", "slices.enabled"}
"""Modules from which entry points and commands get the additions of slices, to pass them to `ponto`."""


@pytest.mark.parametrize("package", PACKAGES)
def test_package_imports_only_allowed_packages(package: str) -> None:
    others = {"handler", "ponto", "slices", "tools", "loadtest", "lab", "tests"} - PACKAGES[package] - {package}
    forbidden_imports = {
        str(path.relative_to(ROOT)): names
        for path in (ROOT / package).rglob("*.py")
        if not {"tests", "lab"} & set(path.relative_to(ROOT / package).parts)
        and (names := packages(imports(path) - (SLICE_MODULES if package != "ponto" else set())) & others)
    }
    assert not forbidden_imports


@pytest.mark.parametrize("each", slices.enabled_manifests(), ids=lambda each: each.name)
def test_slice_imports_only_ponto_the_kit_and_slices_that_it_needs(each: slices.SliceManifest) -> None:
    deployed = {each.folder / name for name in ("function.py", *each.aws.get("zip", ()))}
    others = {
        str(path.relative_to(ROOT)): name
        for path in each.folder.rglob("*.py")
        if "tests" not in path.relative_to(each.folder).parts
        for name in imports(path)
        if name.startswith(("tools.", "slices."))
        and name not in SLICE_MODULES
        and not (path not in deployed and name.startswith("tools.kit"))
        and name.split(".")[1] not in (each.name, *each.needs)
    }
    assert not others


def test_handler_loads_only_psycopg2_and_orjson() -> None:
    loaded = loaded_modules("import handler") - loaded_modules("")
    assert installed(loaded) == {"orjson", "psycopg2"}
    assert not loaded & {"ponto.http", "ponto.reader", "ponto.admin", "slices"}  # a batch does not need them
    assert not packages(loaded) & {"tools", "tests"}  # they are not in the zip


def test_batch_of_valid_punches_loads_neither_boto3_nor_botocore() -> None:
    code = """
import json
import handler
from tools.kit.event import body
from ponto.dead_letters import DeadLetters
from ponto.retry_backoff import RetryBackoff
from tests.fakes import ZONE, InMemoryStore

class Context:
    aws_request_id = "1"
    def get_remaining_time_in_millis(self):
        return 60_000

drain = handler.Drain(ZONE, InMemoryStore([]), DeadLetters("https://queue"), RetryBackoff("https://punches", (5, 10)))
record = {
    "eventSource": "aws:sqs",
    "messageId": "1",
    "receiptHandle": "handle",
    "attributes": {"SentTimestamp": "1790852401234", "ApproximateReceiveCount": "1"},
    "messageAttributes": {},
    "body": json.dumps(body(1, "2026-10-01T08:00")),
}
assert handler.main({"Records": [record]}, Context(), drain) == {"batchItemFailures": []}
"""
    assert not packages(loaded_modules(code)) & {"boto3", "botocore"}
