"""What `make check` says of known vulnerabilities, from reports of the two auditors' own form."""

import json
import sys
from typing import Any

import pytest

from tools.develop import advisories
from tools.develop.advisories import NotAskedError, Report, of_npm, of_pip_audit

PIP = {
    "dependencies": [
        {
            "name": "boto3",
            "version": "1.0",
            "vulns": [
                {
                    "id": "PYSEC-2026-1",
                    "aliases": ["CVE-2026-1", "GHSA-aaaa-bbbb-cccc"],
                    "description": "It tells secrets.\n\nAt length.",
                    "fix_versions": ["1.1"],
                }
            ],
        },
        {"name": "tzdata", "version": "2026.6", "vulns": []},
    ],
    "fixes": [],
}
NPM = {
    "auditReportVersion": 2,
    "vulnerabilities": {
        "osls": {"name": "osls", "severity": "high", "via": ["inner"]},
        "inner": {
            "name": "inner",
            "severity": "high",
            "via": [
                {
                    "source": 1,
                    "name": "inner",
                    "title": "Endless loop",
                    "url": "https://github.com/advisories/GHSA-dddd-eeee-ffff",
                    "severity": "high",
                    "range": "<2.0.0",
                }
            ],
        },
    },
}


def told(report: Report, **accepted: str) -> tuple[list[str], set[str]]:
    return advisories.lines("auditor", lambda: report, {name.replace("_", "-"): why for name, why in accepted.items()})


def test_a_python_package_is_warned_of_with_the_version_that_mends_it() -> None:
    (warning, summary), _ = told(of_pip_audit(json.dumps(PIP)))
    assert "WARNING PYSEC-2026-1: boto3 1.0: It tells secrets. Fixed in: 1.1." in warning
    assert summary == "advisories: auditor: 1 warning"


def test_a_node_package_is_warned_of_once_however_many_need_it() -> None:
    (warning, summary), _ = told(of_npm(json.dumps(NPM)))
    assert "WARNING GHSA-dddd-eeee-ffff: inner <2.0.0: high: Endless loop." in warning
    assert summary == "advisories: auditor: 1 warning"


@pytest.mark.parametrize("name", ["PYSEC_2026_1", "GHSA_aaaa_bbbb_cccc", "CVE_2026_1"])
def test_what_was_accepted_by_any_of_its_names_is_counted_only(name: str) -> None:
    lines, known = told(of_pip_audit(json.dumps(PIP)), **{name: "we do not call it", "GHSA_gone": "old"})
    assert lines == ["advisories: auditor: no warnings, 1 accepted"]
    assert known == {name.replace("_", "-")}  # the other may go


def test_packages_that_the_service_does_not_know_are_not_passed_off_as_good() -> None:
    unknown = {"name": "private", "skip_reason": "Dependency not found on PyPI"}
    some = {"dependencies": [*PIP["dependencies"], unknown]}
    assert told(of_pip_audit(json.dumps(some)))[0][-1].endswith(
        "1 warning, not asked: 1 packages that it does not know"
    )
    with pytest.raises(NotAskedError, match="none of 1 packages was found"):
        of_pip_audit(json.dumps({"dependencies": [unknown]}))


@pytest.mark.parametrize(
    ("reader", "answer", "reason"),
    [
        (of_pip_audit, "", "no answer"),
        (of_pip_audit, "WARNING: pinned\n\nconnection refused\n", "connection refused"),
        (of_npm, '{"message": "405 Method Not Allowed", "error": {"summary": ""}}', "405 Method Not Allowed"),
        (of_npm, "npm error getaddrinfo", "npm error getaddrinfo"),
    ],
)
def test_a_service_that_is_out_of_reach_is_said_and_takes_nothing_back(reader: Any, answer: str, reason: str) -> None:
    def ask() -> Report:
        report: Report = reader(answer)
        return report

    lines, known = advisories.lines("auditor", ask, {"GHSA-1": "because"})
    assert lines == [f"advisories: auditor: not asked: {reason}"]
    assert known == {"GHSA-1"}


def test_nobody_waits_for_an_auditor_that_hangs_or_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advisories, "SECONDS", 0.1)
    with pytest.raises(NotAskedError, match=r"no answer within 0.1 s"):
        advisories.run(of_npm, [sys.executable, "-c", "import time; time.sleep(30)"])
    with pytest.raises(NotAskedError, match="is not installed"):
        advisories.run(of_npm, ["/nowhere/npm"])
