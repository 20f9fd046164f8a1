"""The template linters of `make check`: they find errors, and checkov skips only the necessary rules."""

import copy
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.template.compiled import PackageStage
from tools.develop.templates import DATABASES, SWITCHES
from tools.kit.packaging import Template
from tools.kit.project import ROOT

OBSERVABILITY_RULES = {"CKV_AWS_73", "CKV_AWS_76"}
STANDALONE_TEMPLATES = [ROOT / ".github" / "deploy-role.yml", ROOT / "tools" / "deploy" / "tunnel.yml"]
VALIDATE = ROOT / "tools" / "develop" / "validate.py"
GLOBALLY_SKIPPED = {*yaml.safe_load((ROOT / ".checkov.yaml").read_text())["skip-check"]}


def write(folder: Path, **documents: Any) -> list[str]:
    """Write templates as JSON files; return the file names."""
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    return [f"{name}.json" for name in documents]


def audit(folder: Path, names: Sequence[str], *options: str) -> set[tuple[str, str, str]]:
    """Run checkov; return the template, rule and resource of each finding."""
    command = [str(ROOT / ".venv-audit/bin/checkov"), "--config-file", str(ROOT / ".checkov.yaml"), *options]
    environment = os.environ | {"HOME": str(folder), "TMPDIR": str(folder), "CKV_SKIP_PACKAGE_UPDATE_CHECK": "true"}
    command += ["--output", "json", "--file", *names]
    process = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    report = json.loads(process.stdout)
    assert not report["summary"]["parsing_errors"]
    checks = report["results"]["failed_checks"]
    return {(check["file_path"][1:], check["check_id"], check["resource"].rpartition(".")[2]) for check in checks}


def strip_metadata(document: Any) -> tuple[Any, set[tuple[str, str]]]:
    """Return a copy of a template without metadata, and the checkov rules that it skipped, with their resources."""
    document, ignored = copy.deepcopy(document), set()
    for name, resource in document["Resources"].items():
        skipped_rules = resource.pop("Metadata", {}).get("checkov", {}).get("skip", [])
        ignored |= {(rule["id"], name) for rule in skipped_rules}
    return document, ignored


@pytest.fixture(scope="module")
def observed(package_with_slices: PackageStage) -> Any:
    """Return the template of prod with all options; it skips no rule about access logs and traces."""
    document = copy.deepcopy(
        package_with_slices("prod", "accessLogs=true", "tracing=true", *SWITCHES).template().document
    )
    ignored = document["Resources"]["ApiStage"]["Metadata"]["checkov"]
    ignored["skip"] = [rule for rule in ignored["skip"] if rule["id"] not in OBSERVABILITY_RULES]
    return document


@pytest.mark.nightly  # make check runs checkov on the unmodified templates
def test_checkov_finds_insecure_changes_and_every_suppressed_finding(
    tmp_path: Path, dev: Template, package_with_slices: PackageStage, prod_with_slices: Template, observed: Any
) -> None:
    from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]  # imported here because it takes two seconds

    others = [
        package_with_slices("prod", *DATABASES[name]).template().document
        for name in ("create-secret", "existing-secret")
    ]
    audited = [prod_with_slices.document, dev.document, *others, *map(cfn_yaml.load, STANDALONE_TEMPLATES)]
    documents, ignored = zip(*map(strip_metadata, audited), strict=True)
    modified = copy.deepcopy(observed)
    resources = modified["Resources"]
    resources["DatabaseCluster"]["Properties"]["StorageEncrypted"] = False
    del resources["DatabaseSecurityGroup"]["Properties"]["SecurityGroupIngress"][0]["Description"]
    del resources["BatidaPontoLambdaFunction"]["Properties"]["ReservedConcurrentExecutions"]

    names = write(tmp_path, **{f"no{index}": document for index, document in enumerate(documents)})
    findings = audit(tmp_path, [*names, *write(tmp_path, complete=observed, modified=modified)], "--skip-check", "none")

    suppressed_findings = {(rule, resource) for template, rule, resource in findings if template in names}
    assert {rule for rule, _ in suppressed_findings} >= GLOBALLY_SKIPPED
    locally_suppressed = {(rule, resource) for rule, resource in suppressed_findings if rule not in GLOBALLY_SKIPPED}
    assert locally_suppressed == set().union(*ignored)
    assert {
        (template, rule, resource)
        for template, rule, resource in findings
        if template not in names and rule not in GLOBALLY_SKIPPED
    } == {
        ("modified.json", "CKV_AWS_96", "DatabaseCluster"),
        ("modified.json", "CKV_AWS_23", "DatabaseSecurityGroup"),
        ("modified.json", "CKV_AWS_115", "BatidaPontoLambdaFunction"),  # skipped for another function only
    }


def validate(folder: Path, names: Sequence[str]) -> tuple[int, str]:
    """Run cloudformation-validate as `make check` does; return its exit status and output."""
    command = [str(ROOT / ".venv-audit" / "bin" / "python"), str(VALIDATE), *names]
    process = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
    return process.returncode, process.stdout


def test_validator_fails_on_unknown_properties_and_is_silent_otherwise(
    tmp_path: Path, prod_with_slices: Template
) -> None:
    modified = copy.deepcopy(prod_with_slices.document)
    modified["Resources"]["PunchQueue"]["Properties"]["VisibilityTimout"] = 3
    write(tmp_path, prod=prod_with_slices.document, modified=modified)
    clean = ["prod.json", *map(str, STANDALONE_TEMPLATES)]
    assert validate(tmp_path, clean) == (0, "")
    status, output = validate(tmp_path, ["modified.json"])
    assert status == 1
    assert "PunchQueue Properties.VisibilityTimout: F3002" in output
    assert validate(tmp_path, ["missing.json"])[0] == 1


def test_make_check_covers_every_database_option() -> None:
    for program, key in ((".cfnlintrc", "templates"), (".checkov.yaml", "file")):
        checked = yaml.safe_load((ROOT / program).read_text())[key]
        assert {f".cache/templates/prod-{name}.json" for name in DATABASES} <= set(checked)
