"""`ponto deploy` and `ponto remove` after an `sls deploy` that failed or was interrupted."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.aws import ROLE_EXISTS, Calls, refusal, stack
from tests.clock import FakeClock
from tests.commands import CommandResult, runner
from tests.events import aws
from tools.kit.collaborators import Collaborators
from tools.operate.deploy import stack_state
from tools.tests.sls import FakeSls

STACK = "batida-ponto-dev"


class Dev:
    """The stage `dev` in moto, without a stack; `sls` is a fake that deploys nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.calls = Calls(monkeypatch)
        self.calls.stubs |= {"GetAccountPlanState": {"accountPlanType": "PAID"}, "CreateServiceLinkedRole": ROLE_EXISTS}
        self.sls = FakeSls()
        self.clock = FakeClock(datetime.now(UTC) + timedelta(hours=1))
        self._capsys = capsys

    def run(self, command: str, *options: str) -> CommandResult:
        collaborators = Collaborators(self.clock, self.sls)
        return runner(self._capsys, command, "--stage", "dev", *options, collaborators=collaborators)()


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Dev]:
    with aws():
        yield Dev(monkeypatch, capsys)


@pytest.mark.parametrize(
    ("creation", "message"),
    [
        ({}, "created the role AWSServiceRoleForRDS"),
        (ROLE_EXISTS, ""),
        (refusal("AccessDenied", "not you", "CreateServiceLinkedRole"), "aws iam create-service-linked-role"),
    ],
)
def test_role_that_rds_needs_is_created_before_the_first_cluster(dev: Dev, creation: Any, message: str) -> None:
    dev.calls.stubs["CreateServiceLinkedRole"] = creation
    dev.sls.add_cluster()
    result = dev.run("deploy")
    assert dev.sls.commands == ["package", "deploy"]
    assert message in result.err


@pytest.mark.parametrize(
    ("status", "command"),
    [
        *[(status, command) for status, (_, command) in stack_state.REMEDIES.items() if status.endswith("ED")],
        ("ROLLBACK_COMPLETE", "aws cloudformation delete-stack --stack-name {stack}"),
        ("REVIEW_IN_PROGRESS", "aws cloudformation delete-stack --stack-name {stack}"),
        ("UPDATE_IN_PROGRESS", "aws cloudformation describe-stacks"),
        ("IMPORT_ROLLBACK_FAILED", "aws cloudformation describe-stack-events"),
    ],
)
@pytest.mark.parametrize("options", [[], ["--preview"], ["--force"]])
def test_state_without_deploys_is_refused_with_the_command_that_ends_it(
    dev: Dev, options: list[str], status: str, command: str
) -> None:
    dev.calls.stubs["DescribeStacks"] = stack(status)
    result = dev.run("deploy", *options)
    assert (result.status, dev.sls.commands) == (2, [])
    assert f"  {command.format(stack=STACK, stage='dev')}" in result.err
    assert dev.calls.operations.count("DescribeStacks") == len(dev.calls.operations) - 1  # and GetCallerIdentity


def test_stack_without_resources_is_not_removed_by_sls(dev: Dev) -> None:
    dev.calls.stubs["DescribeStacks"] = stack("REVIEW_IN_PROGRESS")
    result = dev.run("remove", "--yes")
    assert (result.status, dev.sls.commands) == (2, [])
    assert "aws cloudformation delete-stack" in result.err
