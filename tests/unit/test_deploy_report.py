"""The report of the last deploy, which users publish: what it says, and what it must not contain."""

import json
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slices.definition import Slice
from tests.commands import CommandResult, runner, write_sls
from tests.events import aws
from tests.gateway import answer_requests
from tests.unit.test_deploy import RESERVED, Prod
from tests.unit.test_failed_deploy import stack_response, validation_event
from tools.cli import main
from tools.deploy.redaction import redact
from tools.kit import osls
from tools.kit.collaborators import Collaborators
from tools.kit.project import ROOT
from tools.kit.slices import SliceManifest

ACCOUNT = "123456789012"


@pytest.fixture
def prod(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Prod]:
    with aws():
        yield Prod(monkeypatch, capsys, tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "last-deploy.json"


def print_report(capsys: pytest.CaptureFixture[str], state: Path, *options: str) -> CommandResult:
    """Run `ponto deploy --report`, without a stage and without a call to AWS."""
    return runner(capsys, "deploy", "--report", *options, collaborators=Collaborators(state=state))()


def steps(document: Any) -> list[str]:
    return [step["name"] for step in document["steps"]]


def test_report_of_a_successful_deploy_says_what_was_proven(
    prod: Prod, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    prod.add_deployed_stage()
    prod.migrated = ["0001.sql"]
    prod.sls.template["Outputs"] = {"Database": {"Value": "create"}, "DatabaseLogin": {"Value": "iam"}}
    answer_requests(monkeypatch, lambda *_: (202, '{"messageId":"message"}', {}))
    assert prod.run("--yes").status == 0

    printed, document = print_report(capsys, tmp_path), print_report(capsys, tmp_path, "--json").json

    assert steps(document) == [
        "look up the deployed stage",
        "sls package",
        "check names, plan and quotas",
        "delete an abandoned stack",
        "sls deploy",
        "apply the migrations",
        "send a punch",
        "wait for its row",
    ]
    lines = printed.out.splitlines()
    assert re.fullmatch(r"deploy      succeeded after \d+ s", lines[0])
    assert "database    create, iam; a deployed stage" in lines
    assert "region      us-east-1" in lines
    assert re.search(r"^step +\d+\.\d s  sls deploy$", printed.out, re.MULTILINE)
    assert re.search(r"^proven      a punch was stored \d.* without sign-in; 1 migration$", printed.out, re.MULTILINE)
    assert re.search(
        r"^versions    project \d.*, osls \d.*, node \d.*, python 3.*, botocore 1.*, system ", printed.out, re.M
    )


def test_two_updates_of_a_first_deploy_are_told_apart(
    prod: Prod, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    prod.sls.add_cluster(is_protected=True)

    prod.run("--yes")

    document = print_report(capsys, tmp_path, "--json").json
    assert [name for name in steps(document) if name.startswith("sls")] == [
        "sls package",
        "sls package, first update of two",
        "sls deploy, first update of two",
        "sls deploy, second update of two",
    ]
    assert document["isNew"]


def test_report_of_a_failed_deploy_has_cloudformations_reasons(
    prod: Prod, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    prod.sls.status = 1
    prod.sls.while_running = lambda: prod.stubs.update(
        DescribeStacks=stack_response("CREATE_CHANGESET:c"), DescribeEvents={"OperationEvents": [validation_event()]}
    )
    assert prod.run("--yes").status == 2

    first, *_, message, reason = print_report(capsys, tmp_path).out.splitlines()

    assert re.fullmatch(r"deploy      failed after \d+ s in the step: sls deploy", first)
    assert message.startswith("message     CommandError: sls deploy failed")
    assert reason == (
        "reason      SchemaLogGroup (AWS::Logs::LogGroup), /Resources/SchemaLogGroup/Properties/LogGroupName: Resource "
        "of type <removed> with identifier <removed> already exists"
    )


def test_report_of_a_refused_deploy_has_all_refusals_without_names(
    prod: Prod, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    prod.sls.add("Drain", "AWS::Lambda::Function", **RESERVED)
    limit = {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}
    prod.stubs["GetAccountSettings"] = {"AccountLimit": limit}
    role = "batida-ponto-prod-acme-ApiRole-A1B2C3"
    boto3.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument="{}")
    assert prod.run("--yes").status == 2

    first, *_, message, reason = print_report(capsys, tmp_path).out.splitlines()

    assert first.endswith("in the step: check names, plan and quotas")
    assert message.startswith("message     CommandError: the account may run 10 functions at once in us-east-1")
    assert reason.startswith("reason      the names of stage <removed> and stage <removed> overlap: one begins with")


KILLED_DEPLOY = """
import os, signal, sys
from pathlib import Path
from tests.commands import FakeSls
from tests.events import aws
from tools.cli import main
from tools.kit.collaborators import Collaborators
sls = FakeSls()
sls.while_running = lambda: os.kill(os.getpid(), signal.SIGKILL)
with aws():
    main(["deploy", "--stage", "dev", "--force"], Collaborators(run_sls=sls, state=Path(sys.argv[1])))
"""


def test_killed_deploy_leaves_its_last_step(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_DEPLOY, tmp_path], cwd=ROOT, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL

    result = print_report(capsys, tmp_path)

    assert re.match(r"deploy      killed, or still running, after \d+ s in the step: sls deploy\n", result.out)
    assert re.search(r"^step +\? s  sls deploy$", result.out, re.MULTILINE)


def test_interrupted_deploy_is_reported_as_interrupted(
    prod: Prod, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    prod.sls.while_running = interrupt
    assert prod.run("--yes").status == 130
    assert re.match(
        r"deploy      interrupted after \d+ s in the step: sls deploy\n", print_report(capsys, tmp_path).out
    )


def test_deploy_whose_sls_fails_is_reported_through_the_command_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_sls(tmp_path, "echo acme >&2; exit 1")
    collaborators = Collaborators(run_sls=partial(osls.run, project=tmp_path), state=tmp_path / "state")
    with aws():
        assert main(["deploy", "--stage", "acme"], collaborators) == 2
    assert main(["deploy", "--report"], collaborators) == 0
    printed = capfd.readouterr().out
    assert "in the step: sls package" in printed
    assert "acme" not in printed


def test_message_of_a_failed_deploy_has_no_name(prod: Prod, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    prod.run("--yes")  # the fake creates no stack
    message = "there is no stack <removed> in us-east-1; check --stage, --region and --profile"
    assert print_report(capsys, tmp_path).out.endswith(f"\nmessage     CommandError: {message}\n")


def test_report_has_no_name_or_address_of_a_hostile_event(
    prod: Prod, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    secrets = (
        f"{ACCOUNT} arn:aws:iam::{ACCOUNT}:user/ana ana@acme.example 10.1.2.3 https://a1b2.example.com/prod "
        "vpc-0abc12345 AKIAABCDEFGHIJKLMNOP acmeteam acme-payroll sandbox oncall@acme.example"
    ).split()
    reason = f"Role 'acme' of {' and '.join(secrets)} is <acme>, name: Acme"
    event = validation_event(
        ValidationStatusReason=reason,
        LogicalResourceId="batida-ponto-sandbox",
        ResourceType="Acme::Payroll::Thing",
        ValidationPath="/Resources/acme-payroll",
    )
    prod.sls.status = 1
    prod.sls.while_running = lambda: prod.stubs.update(
        DescribeStacks=stack_response("CREATE_CHANGESET:c"), DescribeEvents={"OperationEvents": [event]}
    )
    params = [
        "--param=alarmEmail=oncall@acme.example",
        "--param=tags=team=acmeteam",
        "--param=tracing=true",
        "--param=memory=512",
        "--param=acmeToken=x",
    ]
    prod.run("--yes", "--stage", "sandbox", *params)

    for text in (
        (tmp_path / "last-deploy.json").read_text(encoding="utf-8"),
        print_report(capsys, tmp_path).out,
        print_report(capsys, tmp_path, "--json").out,
    ):
        assert [secret for secret in (*secrets, "acme", "Acme") if secret in text] == []
    printed = print_report(capsys, tmp_path).out
    assert "parameters  alarmEmail, tags, tracing=true, memory=512\n" in printed
    assert "\nreason      <removed> (<removed>), <removed>: Role <removed> of <removed> and <removed>" in printed


def test_report_is_proposed_after_the_first_deploy_only(prod: Prod) -> None:
    prod.sls.status = 1
    first, second = prod.run("--yes").err, prod.run("--yes").err
    assert first.count("`ponto deploy --report` prints") == 1
    assert first.index("`ponto deploy --report` prints") < first.index("ponto: sls deploy failed")
    assert "--report" not in second


def test_report_is_not_proposed_where_a_check_stops_the_deploy(prod: Prod, file: Path) -> None:
    assert "--report" not in prod.run().err  # nothing is typed to confirm
    assert json.loads(file.read_text(encoding="utf-8"))["steps"][-1]["name"] == "confirm"
    assert "--report" in prod.run("--yes").err


def test_report_is_not_proposed_for_the_emulator(prod: Prod, monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setattr("tools.kit.target.emulator_url", lambda: "http://127.0.0.1:9")
    assert "--report" not in prod.run("--yes").err
    assert json.loads(file.read_text(encoding="utf-8"))["is_emulator"] is True


def test_only_the_user_may_read_the_file(prod: Prod, file: Path) -> None:
    prod.run("--yes")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_deploy_goes_on_without_a_report_that_cannot_be_written(prod: Prod, file: Path) -> None:
    file.mkdir()
    result = prod.run("--yes")
    assert result.err.count(f"the deploy goes on without a report: {file} is a folder") == 1
    assert prod.sls.commands == ["package", "deploy"]
    assert "`ponto deploy --report`" not in result.err


def test_slice_that_does_not_belong_to_the_project_is_left_out(
    prod: Prod, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("slices.enabled.load", lambda: {"acme": Slice(), "copied": Slice("page")})
    manifest = SliceManifest("acme", tmp_path, {"parameters": {"acmeLimit": {"type": "integer"}}}, [], {})
    monkeypatch.setattr("tools.kit.slices.enabled_manifests", tuple)
    monkeypatch.setattr("tools.deploy.report.slices", SimpleNamespace(enabled_manifests=lambda: [manifest]))
    prod.run("--yes", "--param=acmeLimit=1")
    assert "parameters  none\nslices      page\n" in print_report(capsys, tmp_path).out


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"steps": [1]}'])
def test_file_without_a_report_is_named(capsys: pytest.CaptureFixture[str], file: Path, content: str | None) -> None:
    if content is not None:
        file.write_text(content, encoding="utf-8")
    result = print_report(capsys, file.parent)
    assert (result.status, result.out) == (2, "")
    assert result.err == f"ponto: {file} has no report of a deploy; run make deploy first\n"


@pytest.mark.parametrize(
    "option", ["--preview", "--stage=prod", "--yes", "--force", "--param=a=b", "--profile=p", "--region=sa-east-1"]
)
def test_option_without_effect_on_the_report_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, option: str
) -> None:
    result = print_report(capsys, tmp_path, option)
    assert result.status == 2
    assert f"--report is not allowed with {option.partition('=')[0]}." in result.err


def test_deploy_without_a_stage_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    result = runner(capsys, "deploy", collaborators=Collaborators(state=tmp_path))()
    assert result.status == 2
    assert "Missing option '--stage'" in result.err


def test_failed_event_without_a_time_is_shown(prod: Prod) -> None:
    event = validation_event()
    del event["Timestamp"]
    prod.sls.status = 1
    prod.sls.while_running = lambda: prod.stubs.update(
        DescribeStacks=stack_response("CREATE_CHANGESET:c"),
        DescribeEvents={"OperationEvents": [event, validation_event(LogicalResourceId="Other")]},
    )
    lines = prod.run("--yes").err.splitlines()
    reasons = lines[lines.index("CloudFormation's reasons:") + 1 :]
    assert [reason.split()[0] for reason in reasons[:2]] == ["Other", "SchemaLogGroup"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'connection to server at "x.cluster-a1.us-east-1.rds.amazonaws.com" (10.0.1.2), port 5432 failed: FATAL:  '
            'PAM authentication failed for user "ponto"',
            "connection to server at <removed> (<removed>), port 5432 failed: FATAL: PAM authentication failed for "
            "user <removed>",
        ),
        (
            f"User: arn:aws:iam::{ACCOUNT}:user/ana is not authorized to perform: rds:CreateDBCluster",
            "User: <removed> is not authorized to perform: rds:CreateDBCluster",
        ),
        (
            'Resource handler returned message: "The role acme cannot be found (Service: Iam, Code: 404)" (x)',
            'Resource handler returned message: "The role <removed> cannot be found (Service: Iam, Code: 404)" (x)',
        ),
        ("call +55 (11) 98765 4321, or 1234 5678 9012", "call <removed>, or <removed>"),
        ("the stack named acme doesn't exist", "the stack named <removed> doesn't exist"),
        ("acme already exists; the queue does not exist", "<removed> already exists; the queue does not exist"),
        ("no zone of eu-south-1 has 2 vCPUs in 10.5 s", "no zone of eu-south-1 has 2 vCPUs in 10.5 s"),
        ("addresses fe::, ::1", "addresses <removed>::, <removed>"),
        ("João of José & Söhne", "<removed> of <removed> & <removed>"),
        (
            "PAM authentication failed for user maria, role ana",
            "PAM authentication failed for user <removed>, role <removed>",
        ),
        ("Your AWS account acme is closed; owner Maria", "Your AWS account <removed> is closed; owner <removed>"),
        ("role isabel can't be dropped", "role <removed> can't be dropped"),
        ("the role cannot be assumed by account id", "the role cannot be assumed by account id"),
        (
            "this account doesn't suffice; must be owner of table",
            "this account doesn't suffice; must be owner of table",
        ),
        ("stage prod, prod-eu and product", "stage <removed>, <removed> and product"),
    ],
)
def test_texts_stay_readable_without_names(text: str, expected: str) -> None:
    assert redact(text, {"prod"}) == expected


WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=12)
IDENTIFIERS = st.one_of(
    st.from_regex(r"[0-9]{6,14}", fullmatch=True),
    st.builds("arn:aws:sqs:sa-east-1:123456789012:{}".format, WORDS),
    st.builds("{}@{}.example".format, WORDS, WORDS),
    st.builds("https://{}.example/{}".format, WORDS, WORDS),
    st.ip_addresses().map(str).filter(lambda address: address != "::"),
    st.uuids().map(str),
    st.builds("{}-{}".format, WORDS, WORDS).filter(lambda name: name not in ("cognito-idp", "aurora-postgresql")),
    st.builds("{}.{}".format, WORDS, WORDS).filter(lambda name: name != "db.serverless"),
    st.builds("{}_{}".format, WORDS, WORDS),
    st.builds("/home/{}".format, WORDS),
    st.builds("'{}'".format, WORDS.filter(lambda word: word not in ("true", "false", "null", "none"))),
)


@given(st.text(max_size=40), IDENTIFIERS, st.text(max_size=40))
def test_no_identifier_survives_whatever_surrounds_it(before: str, identifier: str, after: str) -> None:
    for text in (f"{before} {identifier} {after}", f"{before}{identifier}{after}"):
        assert identifier not in redact(text)


@given(st.text(max_size=60), st.from_regex("[A-Za-z]{3,12}", fullmatch=True), st.text(max_size=60))
def test_a_known_name_does_not_survive_as_a_word(before: str, name: str, after: str) -> None:
    redacted = redact(f"{before} {name} {after}", {name.lower()})
    assert re.search(rf"(?<![A-Za-z0-9<]){name}(?![A-Za-z0-9>])", redacted) is None
