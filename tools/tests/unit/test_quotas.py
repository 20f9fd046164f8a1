"""Checks of the account's plan and quota before a deploy."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tests.aws import NO_STACK, Calls, refusal
from tests.events import aws
from tools.kit.deploy_hook import DeferredResource
from tools.kit.errors import CommandError
from tools.kit.target import TargetOptions
from tools.operate.deploy.checks import check
from tools.operate.deploy.compiled_stage import CompiledStage
from tools.operate.deploy.quotas import Demand, read_demand

DRAIN = "batida-ponto-prod-batidaPonto"
NO_DEMAND = Demand({}, creates_cluster=False)
FIVE = NO_DEMAND._replace(reserved={DRAIN: 5})
CLUSTER = NO_DEMAND._replace(creates_cluster=True)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    """Yield the calls to an account in moto that has no stack."""
    with aws():
        calls = Calls(monkeypatch)
        calls.stubs["DescribeStackResource"] = NO_STACK
        yield calls


def limits(unreserved: int, limit: int = 1_000) -> Any:
    counts = {"ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": unreserved}
    return {"GetAccountSettings": {"AccountLimit": counts}}


def reserves(concurrency: int) -> Any:
    return {"GetFunctionConcurrency": {"ReservedConcurrentExecutions": concurrency}}


def require_demand(demand: Demand, *, force: bool = False, database: str | None = "create") -> None:
    """Make the checks of a stage with this demand, by default a deployed one, and end the deploy if it is refused."""
    compiled = CompiledStage(is_protected=False, needs_token=False, demand=demand)
    session, options = boto3.Session(region_name="us-east-1"), TargetOptions("prod")
    check(session, options, [], compiled, database, force=force).require()


def remedy(*parameters: str) -> str:
    """Return the line with the command that deploys with these parameters."""
    return f'make deploy STAGE=prod ARGS="{" ".join(f"--param {parameter}" for parameter in parameters)}"'


def test_demand_is_read_from_the_template() -> None:
    def function(name: str, **more: int) -> Any:
        return {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": name, **more}}

    functions = {"A": function("a", ReservedConcurrentExecutions=5), "B": function("b")}
    cluster = {"ServerlessV2ScalingConfiguration": {"MaxCapacity": 8}}
    inside = {"DatabaseCluster": {"Type": "AWS::RDS::DBCluster", "Properties": cluster}}
    five = NO_DEMAND._replace(reserved={"a": 5})
    large = five._replace(maximum_acu=8)
    assert read_demand({"Resources": functions}) == five
    assert read_demand({"Resources": functions | inside}) == large._replace(creates_cluster=True)
    outside = {"ExpressCluster": cluster}
    assert read_demand({"Resources": functions, "Metadata": outside}) == large._replace(is_express=True)

    # Parameters that remove the resources for which AWS must first verify the account.
    later = [DeferredResource("Gate", "gate=false", "Why."), DeferredResource("Pool", "pool=false", "Why.")]
    gates = {"Gate": {"Type": "AWS::CloudFront::Distribution"}, "Pool": {"Type": "AWS::Cognito::UserPool"}}
    assert read_demand({"Resources": gates}, later) == NO_DEMAND._replace(unverified_parameters=("gate=false",))


@pytest.mark.parametrize(
    ("unreserved", "reserved"),
    [
        (105, 0),  # leaves exactly the minimum
        (100, 5),  # the stage has its reservation already
        (10, 5),  # below the minimum already, but the deploy does not change it
        (10, 8),  # the deploy reduces the reservation
    ],
)
def test_sufficient_or_unchanged_concurrency_is_accepted(calls: Calls, unreserved: int, reserved: int) -> None:
    calls.stubs |= limits(unreserved) | reserves(reserved)
    require_demand(FIVE)


@pytest.mark.parametrize(
    ("unreserved", "limit", "reserved", "more", "value"),
    [(104, 1_000, 0, 5, 1_001), (10, 10, 0, 5, 1_000), (101, 3_000, 2, 3, 3_002)],
    ids=["one short", "a new account", "more than before"],
)
def test_insufficient_concurrency_stops_the_deploy_with_what_to_request(
    calls: Calls, unreserved: int, limit: int, reserved: int, more: int, value: int
) -> None:
    calls.stubs |= limits(unreserved, limit) | (
        reserves(reserved) if reserved else {}
    )  # without a stub there is no function
    with pytest.raises(CommandError) as refused:
        require_demand(FIVE)
    assert refused.value.status == 2
    assert str(refused.value).splitlines() == [
        f"the account may run {limit} functions at once in us-east-1, of which {unreserved} are not reserved; "
        f"this stage reserves {more} more.",
        "AWS may refuse that: by its documentation 100 must stay unreserved.",
        "Until the quota is raised, deploy without reservations (docs/deploy.md#quotas).",
        "Request an increase: aws service-quotas request-service-quota-increase --service-code lambda --quota-code "
        f"L-B99A9384 --desired-value {value} --region us-east-1",
        "Or deploy with --force.",
        "",
        "Deploy with what the account allows:",
        remedy("drainConcurrency=none"),
        "",
        "Nothing was deployed.",
    ]


def plan(kind: str) -> Any:
    return {"GetAccountPlanState": {"accountPlanType": kind, "accountPlanStatus": "ACTIVE"}}


def test_free_plan_stops_the_deploy_of_a_cluster(calls: Calls) -> None:
    calls.stubs |= limits(1_000) | plan("FREE")
    with pytest.raises(CommandError) as refused:
        require_demand(CLUSTER)
    assert refused.value.status == 2
    message = str(refused.value)
    assert "the account is on AWS's Free plan" in message
    assert "FreeTierRestrictionError" in message
    assert remedy("database=express") in message.splitlines()
    assert "aws freetier upgrade-account-plan --account-plan-type PAID" in message
    assert "Nothing was deployed" in message

    require_demand(NO_DEMAND)  # database: existing
    assert calls.operations.count("GetAccountPlanState") == 1
    no_plan = {"GetAccountPlanState": refusal("ResourceNotFoundException")}
    for paid in (plan("PAID"), no_plan):
        calls.stubs |= paid
        require_demand(CLUSTER, database=None)

    calls.stubs |= limits(10, 10) | plan("FREE")
    large = FIVE._replace(creates_cluster=True, maximum_acu=8, unverified_parameters=("gate=false",))
    command = remedy("database=express", "maximumAcu=4", "gate=false", "drainConcurrency=none")
    with pytest.raises(CommandError, match=f"\n{command}\n"):
        require_demand(large)


def test_express_cluster_is_checked_against_the_free_plan(calls: Calls) -> None:
    calls.stubs |= limits(10, 10) | plan("FREE")
    express = NO_DEMAND._replace(is_express=True, maximum_acu=4)
    require_demand(express)

    with pytest.raises(CommandError, match=r"at most 4 ACU, but maximumAcu is 8") as refused:
        require_demand(express._replace(maximum_acu=8, reserved={DRAIN: 5}))
    assert remedy("maximumAcu=4", "drainConcurrency=none") in str(refused.value).splitlines()
    calls.stubs |= plan("PAID")
    require_demand(express._replace(maximum_acu=8))


def test_unknown_plan_stops_the_deploy_of_a_new_cluster_unless_forced(
    calls: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    calls.stubs |= limits(1_000) | {"GetAccountPlanState": refusal("AccessDeniedException")}

    with pytest.raises(CommandError, match=r"(?s)Activate IAM Access.*Or deploy with --force"):
        require_demand(CLUSTER, database=None)
    require_demand(NO_DEMAND._replace(is_express=True), database=None)  # suits both plans
    capsys.readouterr()
    require_demand(CLUSTER, database=None, force=True)

    message = capsys.readouterr().err
    assert "not checked: the account's plan" in message
    assert "Continuing because of --force." in message
