"""What a stage takes is held against the account's quotas before anything is deployed."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests.events import aws
from tools.deploy.quotas import Demand, demand_of, require
from tools.kit.errors import CommandError

STACK = "batida-ponto-prod"
DRAIN = "batida-ponto-prod-batidaPonto"
FIVE = Demand({DRAIN: 5}, makes_network=False)
NETWORK = Demand({}, makes_network=True)

Answers = dict[str, Any]  # by operation; an exception is raised


@pytest.fixture
def session() -> Iterator[boto3.Session]:
    with aws():
        yield boto3.Session()


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answers], None]:
    """Let AWS answer some operations; moto does the rest."""
    ask = BaseClient._make_api_call  # type: ignore[attr-defined]

    def account(answers: Answers) -> None:
        def answer(client: BaseClient, operation: str, parameters: Any) -> Any:
            if operation not in answers:
                return ask(client, operation, parameters)
            if isinstance(answers[operation], Exception):
                raise answers[operation]
            return answers[operation]

        monkeypatch.setattr(BaseClient, "_make_api_call", answer)

    return account


def limits(unreserved: int, limit: int = 1_000) -> Answers:
    return {
        "GetAccountSettings": {
            "AccountLimit": {"ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": unreserved}
        }
    }


NO_STACK = {
    "DescribeStackResource": ClientError(
        {"Error": {"Code": "ValidationError", "Message": f"Stack '{STACK}' does not exist"}}, "DescribeStackResource"
    )
}


def refused(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not you"}}, operation)


def test_a_template_tells_what_it_takes() -> None:
    def function(name: str, **more: int) -> Any:
        return {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": name, **more}}

    resources = {
        "A": function("a", ReservedConcurrentExecutions=5),
        "B": function("b"),
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {}},
    }
    assert demand_of({"Resources": resources}) == Demand({"a": 5}, makes_network=True)
    del resources["Vpc"]
    assert not demand_of({"Resources": resources}).makes_network


@pytest.mark.parametrize(
    ("unreserved", "reserved"),
    [
        (105, 0),  # exactly what must stay
        (100, 5),  # its own already
        (10, 5),  # whatever is left: this deploy changes nothing of it
        (10, 8),  # it gives some back
    ],
)
def test_what_leaves_enough_or_takes_no_more_is_deployed(
    session: boto3.Session, account: Callable[[Answers], None], unreserved: int, reserved: int
) -> None:
    account(limits(unreserved) | {"GetFunctionConcurrency": {"ReservedConcurrentExecutions": reserved}})
    require(session, STACK, FIVE)


@pytest.mark.parametrize(
    ("unreserved", "limit", "reserved", "more", "value"),
    [(104, 1_000, 0, 5, 1_001), (10, 10, 0, 5, 1_000), (101, 3_000, 2, 3, 3_002)],
    ids=["one short", "a new account", "more than before"],
)
def test_too_little_concurrency_stops_the_deploy_and_says_what_to_ask_for(
    session: boto3.Session,
    account: Callable[[Answers], None],
    unreserved: int,
    limit: int,
    reserved: int,
    more: int,
    value: int,
) -> None:
    account(limits(unreserved, limit) | {"GetFunctionConcurrency": {"ReservedConcurrentExecutions": reserved}})
    with pytest.raises(CommandError) as refusal:
        require(session, STACK, FIVE)
    assert refusal.value.status == 2
    assert str(refusal.value).splitlines() == [
        f"the account may run {limit} functions at once in us-east-1, of which {unreserved} are not reserved; "
        f"this stage reserves {more} more.",
        "AWS may refuse: 100 must stay, as it says, though refusals have named 10 or 50, too.",
        "Ask for more: aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 "
        f"--desired-value {value} --region us-east-1",
        "Nothing was deployed. Deploy again once AWS has raised it; with --force at once.",
    ]


def test_a_function_that_does_not_exist_has_reserved_nothing(
    session: boto3.Session, account: Callable[[Answers], None]
) -> None:
    account(limits(104))
    with pytest.raises(CommandError, match="reserves 5 more"):
        require(session, STACK, FIVE)


def test_a_network_too_many_stops_the_deploy_unless_the_stack_has_it_already(
    session: boto3.Session, account: Callable[[Answers], None]
) -> None:
    account(NO_STACK)
    ec2 = session.client("ec2")  # the account's own network is one of five
    for number in range(3):
        ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")
    require(session, STACK, NETWORK)

    ec2.create_vpc(CidrBlock="10.9.0.0/16")
    with pytest.raises(CommandError) as refusal:
        require(session, STACK, NETWORK)
    assert "the account has 5 of at most 5 networks (VPCs) in us-east-1, and this stage makes one" in str(refusal.value)
    assert "--service-code vpc --quota-code L-F678F1CE --desired-value 6 --region us-east-1" in str(refusal.value)

    account({"DescribeStackResource": {"StackResourceDetail": {"ResourceStatus": "UPDATE_COMPLETE"}}})
    require(session, STACK, NETWORK)

    account({"DescribeStackResource": {"StackResourceDetail": {"ResourceStatus": "DELETE_COMPLETE"}}})
    with pytest.raises(CommandError, match="the account has 5 of at most 5"):
        require(session, STACK, NETWORK)


def test_everything_that_is_short_is_said_at_once_and_force_goes_on(
    session: boto3.Session, account: Callable[[Answers], None], capsys: pytest.CaptureFixture[str]
) -> None:
    account(limits(10, 10) | NO_STACK | {"GetServiceQuota": {"Quota": {"Value": 1.0}}})
    both = r"(?s)functions at once.*networks \(VPCs\)"
    with pytest.raises(CommandError, match=both):
        require(session, STACK, Demand({DRAIN: 5}, makes_network=True))
    require(session, STACK, Demand({DRAIN: 5}, makes_network=True), force=True)
    said = capsys.readouterr().err
    assert re.search(both, said)
    assert said.splitlines().count("Going on, as --force says.") == 2


@pytest.mark.parametrize(
    ("operation", "demand", "what"),
    [
        ("GetAccountSettings", FIVE, "the concurrency of functions"),
        ("GetFunctionConcurrency", FIVE, "the concurrency of functions"),
        ("DescribeStackResource", NETWORK, "the number of networks"),
        ("DescribeVpcs", NETWORK, "the number of networks"),
        ("GetServiceQuota", NETWORK, "the number of networks"),
    ],
)
def test_what_may_not_be_asked_is_said_and_left_unchecked(
    session: boto3.Session,
    account: Callable[[Answers], None],
    capsys: pytest.CaptureFixture[str],
    operation: str,
    demand: Demand,
    what: str,
) -> None:
    account(limits(1_000) | NO_STACK | {operation: refused(operation)})
    require(session, STACK, demand)
    reason = f"AWS refused {operation}: AccessDeniedException: not you"
    assert capsys.readouterr().err == f"not checked: {what}, for {reason}\n"
