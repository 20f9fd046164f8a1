"""The auditors that `make check` runs: that they find, and that checkov ignores no more than it has to."""

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
    """Write templates, each by its name; give the files' names."""
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    return [f"{name}.json" for name in documents]


def audit(folder: Path, names: Sequence[str], *options: str) -> set[tuple[str, str, str]]:
    """Return the template, the rule and the resource of each finding of checkov."""
    words = [str(ROOT / ".venv-audit/bin/checkov"), "--config-file", str(ROOT / ".checkov.yaml"), *options]
    environment = os.environ | {"HOME": str(folder), "TMPDIR": str(folder), "CKV_SKIP_PACKAGE_UPDATE_CHECK": "true"}
    words += ["--output", "json", "--file", *names]
    done = subprocess.run(words, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    report = json.loads(done.stdout)
    assert not report["summary"]["parsing_errors"]
    failed = report["results"]["failed_checks"]
    return {(each["file_path"][1:], each["check_id"], each["resource"].rpartition(".")[2]) for each in failed}


def strip_metadata(document: Any) -> tuple[Any, set[tuple[str, str]]]:
    """Return a template that ignores nothing, and checkov's rules that it ignored, each with its resource."""
    document, ignored = copy.deepcopy(document), set()
    for name, resource in document["Resources"].items():
        skipped = resource.pop("Metadata", {}).get("checkov", {}).get("skip", [])
        ignored |= {(each["id"], name) for each in skipped}
    return document, ignored


@pytest.fixture(scope="module")
def observed(package_with_slices: PackageStage) -> Any:
    """Prod with all that there is: it needs no exception for access logs and traces."""
    document = copy.deepcopy(
        package_with_slices("prod", "accessLogs=true", "tracing=true", *SWITCHES).template().document
    )
    ignored = document["Resources"]["ApiStage"]["Metadata"]["checkov"]
    ignored["skip"] = [each for each in ignored["skip"] if each["id"] not in OBSERVABILITY_RULES]
    return document


@pytest.mark.nightly  # make check runs it on the templates as they are
def test_the_auditor_finds_what_is_open_unencrypted_or_unbounded_and_what_is_ignored(
    tmp_path: Path, dev: Template, package_with_slices: PackageStage, prod_with_slices: Template, observed: Any
) -> None:
    from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]  # here: it takes two seconds

    others = [
        package_with_slices("prod", *DATABASES[name]).template().document
        for name in ("create-secret", "existing-secret")
    ]
    looked_at = [prod_with_slices.document, dev.document, *others, *map(cfn_yaml.load, STANDALONE_TEMPLATES)]
    documents, ignored = zip(*map(strip_metadata, looked_at), strict=True)
    spoilt = copy.deepcopy(observed)
    resources = spoilt["Resources"]
    resources["DatabaseCluster"]["Properties"]["StorageEncrypted"] = False
    del resources["DatabaseSecurityGroup"]["Properties"]["SecurityGroupIngress"][0]["Description"]
    del resources["BatidaPontoLambdaFunction"]["Properties"]["ReservedConcurrentExecutions"]

    names = write(tmp_path, **{f"no{index}": document for index, document in enumerate(documents)})
    found = audit(tmp_path, [*names, *write(tmp_path, complete=observed, spoilt=spoilt)], "--skip-check", "none")

    would_complain = {(rule, resource) for template, rule, resource in found if template in names}
    assert {rule for rule, _ in would_complain} >= GLOBALLY_SKIPPED
    assert {each for each in would_complain if each[0] not in GLOBALLY_SKIPPED} == set().union(*ignored)
    assert {each for each in found if each[0] not in names and each[1] not in GLOBALLY_SKIPPED} == {
        ("spoilt.json", "CKV_AWS_96", "DatabaseCluster"),
        ("spoilt.json", "CKV_AWS_23", "DatabaseSecurityGroup"),
        ("spoilt.json", "CKV_AWS_115", "BatidaPontoLambdaFunction"),  # accepted of another function only
    }


def validate(folder: Path, names: Sequence[str]) -> tuple[int, str]:
    """Run AWS's validator as `make check` does; return its exit status and what it prints."""
    words = [str(ROOT / ".venv-audit" / "bin" / "python"), str(VALIDATE), *names]
    process = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
    return process.returncode, process.stdout


def test_validator_fails_on_what_does_not_exist_and_is_silent_otherwise(
    tmp_path: Path, prod_with_slices: Template
) -> None:
    spoilt = copy.deepcopy(prod_with_slices.document)
    spoilt["Resources"]["PunchQueue"]["Properties"]["VisibilityTimout"] = 3
    write(tmp_path, prod=prod_with_slices.document, spoilt=spoilt)
    clean = ["prod.json", *map(str, STANDALONE_TEMPLATES)]
    assert validate(tmp_path, clean) == (0, "")
    status, output = validate(tmp_path, ["spoilt.json"])
    assert status == 1
    assert "PunchQueue Properties.VisibilityTimout: F3002" in output
    assert validate(tmp_path, ["missing.json"])[0] == 1


def test_make_check_looks_at_every_database_that_a_stage_may_have() -> None:
    for program, key in ((".cfnlintrc", "templates"), (".checkov.yaml", "file")):
        looked_at = yaml.safe_load((ROOT / program).read_text())[key]
        assert {f".cache/templates/prod-{name}.json" for name in DATABASES} <= set(looked_at)
