"""Checks of the account's quotas and zones before a deploy."""

import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from tests.aws import NO_STACK, Calls, refusal
from tests.events import aws
from tools.deploy.checks import check
from tools.deploy.compiled_stage import CompiledStage
from tools.deploy.quotas import Demand, read_demand
from tools.deploy.zones import Network
from tools.kit.deploy_hook import DeferredResource
from tools.kit.errors import CommandError
from tools.kit.gateway_limits import LOWER_LIMITS, ThrottleLimits
from tools.kit.target import TargetOptions

DRAIN = "batida-ponto-prod-batidaPonto"
NO_DEMAND = Demand({}, creates_network=False, creates_cluster=False)
FIVE = NO_DEMAND._replace(reserved={DRAIN: 5})
NETWORK = NO_DEMAND._replace(creates_network=True)
BOTH = FIVE._replace(creates_network=True)
CLUSTER = NO_DEMAND._replace(creates_cluster=True)
THROTTLES = {"stage": ThrottleLimits(2_000, 2_000), "key": ThrottleLimits(2_000, 1_000)}


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


def existing_resource(status: str) -> Any:
    return {"DescribeStackResource": {"StackResourceDetail": {"ResourceStatus": status}}}


def require_demand(
    demand: Demand, *, force: bool = False, region: str = "us-east-1", database: str | None = "create"
) -> None:
    """Make the checks of a stage with this demand, by default a deployed one, and end the deploy if it is refused."""
    compiled = CompiledStage(is_protected=False, needs_token=False, demand=demand)
    session, options = boto3.Session(region_name=region), TargetOptions("prod")
    check(session, options, [], compiled, database, force=force).require()


def remedy(*parameters: str) -> str:
    """Return the line with the command that deploys with these parameters."""
    return f'make deploy STAGE=prod ARGS="{" ".join(f"--param {parameter}" for parameter in parameters)}"'


def test_demand_is_read_from_the_template() -> None:
    def function(name: str, **more: int) -> Any:
        return {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": name, **more}}

    functions = {"A": function("a", ReservedConcurrentExecutions=5), "B": function("b")}
    network = {"Vpc": {"Type": "AWS::EC2::VPC", "Properties": {}}}
    empty = Network(zones=(), engine_version="", endpoint_services=(), endpoint_zones=0)
    cluster = {"ServerlessV2ScalingConfiguration": {"MaxCapacity": 8}, "BackupRetentionPeriod": 7}
    inside = {"DatabaseCluster": {"Type": "AWS::RDS::DBCluster", "Properties": cluster}}
    five = NO_DEMAND._replace(reserved={"a": 5})
    large = five._replace(maximum_acu=8, backup_days=7)
    assert read_demand({"Resources": functions}) == five
    assert read_demand({"Resources": functions | network}) == five._replace(creates_network=True, network=empty)
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
        "Until the quota is raised, deploy without reservations: --param reservedConcurrency=none "
        "(docs/deploy.md#quotas)",
        "Request an increase: aws service-quotas request-service-quota-increase --service-code lambda --quota-code "
        f"L-B99A9384 --desired-value {value} --region us-east-1",
        "Or deploy with --force.",
        "",
        "Deploy with what the account allows:",
        remedy("reservedConcurrency=none"),
        "",
        "Nothing was deployed.",
    ]


def test_exceeded_quota_of_vpcs_stops_the_deploy_of_a_new_stack(calls: Calls) -> None:
    ec2 = boto3.client("ec2")  # the account's default VPC is one of five
    for number in range(3):
        ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")
    require_demand(NETWORK)

    ec2.create_vpc(CidrBlock="10.9.0.0/16")
    with pytest.raises(CommandError) as refused:
        require_demand(NETWORK)
    assert "the account has 5 of at most 5 VPCs in us-east-1, and this stage creates one" in str(refused.value)
    assert "--service-code vpc --quota-code L-F678F1CE --desired-value 6 --region us-east-1" in str(refused.value)

    calls.stubs |= existing_resource("UPDATE_COMPLETE")
    require_demand(NETWORK)

    calls.stubs |= existing_resource("DELETE_COMPLETE")
    with pytest.raises(CommandError, match="the account has 5 of at most 5"):
        require_demand(NETWORK)


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
    for paid in (
        plan("PAID"),
        {"GetAccountPlanState": refusal("ResourceNotFoundException")},
    ):  # an account that has no plan
        calls.stubs |= paid
        require_demand(CLUSTER)

    calls.stubs |= limits(10, 10) | plan("FREE")
    large = FIVE._replace(creates_cluster=True, maximum_acu=8, unverified_parameters=("gate=false",))
    command = remedy("database=express", "reservedConcurrency=none", "gate=false", "maximumAcu=4")
    with pytest.raises(CommandError, match=f"\n{command}\n"):
        require_demand(large)


def test_express_cluster_is_checked_against_the_free_plan(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    calls.stubs |= limits(1_000) | plan("FREE")
    express = NO_DEMAND._replace(is_express=True, maximum_acu=4, backup_days=1)
    require_demand(express)
    assert capsys.readouterr().err == ""

    require_demand(express._replace(backup_days=7, unverified_parameters=("gate=false",)))
    message = capsys.readouterr().err
    assert "keeps backups for one day. AWS may refuse backupDays (7)" in message
    assert "deploy with --param gate=false" in message

    with pytest.raises(CommandError, match=r"at most 4 ACU, but maximumAcu is 8\. Deploy with --param maximumAcu=4"):
        require_demand(express._replace(maximum_acu=8))
    calls.stubs |= limits(10, 10)
    with pytest.raises(CommandError, match=f"\n{remedy('maximumAcu=4', 'reservedConcurrency=none')}\n"):
        require_demand(express._replace(maximum_acu=8, reserved={DRAIN: 5}))
    calls.stubs |= plan("PAID")
    require_demand(express._replace(maximum_acu=8))


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (refusal("AccessDeniedException", "not you", "GetAccountPlanState"), "AWS refused GetAccountPlanState: Acc"),
        (EndpointConnectionError(endpoint_url="https://freetier.cn-north-1"), "Could not connect to the endpoint URL"),
    ],
)
def test_failed_check_of_the_plan_does_not_stop_the_update_of_a_stage(
    calls: Calls, capsys: pytest.CaptureFixture[str], error: Exception, why: str
) -> None:
    calls.stubs["GetAccountPlanState"] = error
    require_demand(CLUSTER)
    assert capsys.readouterr().err.startswith(f"not checked: the account's plan ({why}")


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


def test_all_exceeded_quotas_are_reported_together_and_force_continues(
    calls: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    calls.stubs |= limits(10, 10) | {"GetServiceQuota": {"Quota": {"Value": 1.0}}}
    both = r"(?s)functions at once.*VPCs in"
    with pytest.raises(CommandError, match=both) as refused:
        require_demand(BOTH)
    assert "make deploy" not in str(refused.value)  # no parameter avoids the VPC
    require_demand(BOTH, force=True)
    message = capsys.readouterr().err
    assert re.search(both, message)
    assert message.splitlines().count("Continuing because of --force.") == 2


@pytest.mark.parametrize(
    ("operation", "check"),
    [
        ("GetAccountSettings", "the concurrency of functions"),
        ("GetFunctionConcurrency", "the concurrency of functions"),
        ("DescribeStackResource", "the number of networks"),
        ("DescribeVpcs", "the number of networks"),
        ("GetServiceQuota", "the number of networks"),
        ("GetAccount", "the gateway's limits"),
    ],
)
def test_quota_that_may_not_be_read_is_reported_as_unchecked(
    calls: Calls, capsys: pytest.CaptureFixture[str], operation: str, check: str
) -> None:
    calls.stubs |= limits(1_000) | {operation: refusal("AccessDeniedException", "not you", operation)}
    require_demand(BOTH._replace(throttles=THROTTLES))
    reason = f"AWS refused {operation}: AccessDeniedException: not you"
    assert capsys.readouterr().err == f"not checked: {check} ({reason})\n"


ZONES = {"us-east-1a": "use1-az1", "us-east-1b": "use1-az3", "us-east-1c": "use1-az2", "us-east-1d": "use1-az4"}
PRIVATE = Network((), "17.7", ("com.amazonaws.{region}.sqs",), endpoint_zones=2)


def offers(*, aurora: str = "abcd", sqs: str = "abcd", default_subnets: str = "") -> Any:
    """Return stubs for a region with four zones, in the second of which Lambda is not available.

    Args:
        aurora: Letters of the zones with the instance class of Aurora.
        sqs: Letters of the zones with the VPC endpoint of SQS.
        default_subnets: Letters of the zones with a default subnet.
    """
    zones = [{"ZoneName": name, "ZoneId": zone_id, "State": "available"} for name, zone_id in ZONES.items()]
    option = {"AvailabilityZones": [{"Name": f"us-east-1{zone}"} for zone in aurora]}
    service = {"ServiceName": "com.amazonaws.us-east-1.sqs", "AvailabilityZones": [f"us-east-1{zone}" for zone in sqs]}
    return {
        "DescribeAvailabilityZones": {"AvailabilityZones": zones},
        "DescribeOrderableDBInstanceOptions": {"OrderableDBInstanceOptions": [option]},
        "DescribeVpcEndpointServices": {"ServiceDetails": [service]},
        "DescribeSubnets": {"Subnets": [{"AvailabilityZone": f"us-east-1{zone}"} for zone in default_subnets]},
    }


@pytest.mark.parametrize(
    ("network", "region", "missing", "alternative"),
    [
        (PRIVATE, offers(), "us-east-1b (use1-az3) does not offer AWS Lambda", "us-east-1a,us-east-1c"),
        (
            PRIVATE._replace(zones=("us-east-1c", "us-east-1d")),
            offers(aurora="acb"),
            "us-east-1d (use1-az4) does not offer db.serverless for Aurora PostgreSQL 17.7",
            "us-east-1a,us-east-1c",
        ),
        (
            PRIVATE,
            offers(sqs="cd", default_subnets="acd"),
            "us-east-1a (use1-az1) does not offer endpoints of com.amazonaws.us-east-1.sqs",
            "us-east-1c,us-east-1d",
        ),
        (
            PRIVATE._replace(zones=("us-east-1a", "us-east-1x"), endpoint_zones=1),
            offers(sqs="d"),
            "us-east-1x (not a zone of this account) does not offer AWS Lambda, db.serverless",
            "us-east-1d,us-east-1a",
        ),
    ],
    ids=["lambda", "aurora", "endpoint", "unknown"],
)
def test_zone_that_lacks_what_the_stage_needs_stops_the_deploy_and_names_others(
    calls: Calls, network: Network, region: Any, missing: str, alternative: str
) -> None:
    calls.stubs |= region

    with pytest.raises(CommandError) as refused:
        require_demand(NO_DEMAND._replace(network=network))
    calls.stubs |= existing_resource("CREATE_COMPLETE")
    require_demand(NO_DEMAND._replace(network=network))  # the stack has the network already

    message = str(refused.value)
    assert missing in message
    assert f"Write `zones: {alternative}` under the stage in resources/parameters.yml" in message
    assert remedy(f"zones={alternative}") in message


@pytest.mark.parametrize(
    "network",
    [
        PRIVATE._replace(zones=("us-east-1a", "us-east-1c")),
        PRIVATE._replace(zones=("us-east-1c", "us-east-1d"), endpoint_zones=1),
        PRIVATE._replace(zones=("us-east-1a", "us-east-1d"), engine_version=""),
    ],
)
def test_zones_that_offer_what_the_stage_needs_are_deployed(calls: Calls, network: Network) -> None:
    calls.stubs |= offers(aurora="acd" if network.engine_version else "", sqs="acd")
    require_demand(NO_DEMAND._replace(network=network))


def test_region_without_two_suitable_zones_is_refused(calls: Calls) -> None:
    calls.stubs |= offers(aurora="b")
    with pytest.raises(CommandError, match="No two zones of us-east-1 offer all that it needs") as refused:
        require_demand(NO_DEMAND._replace(network=PRIVATE))
    assert "make deploy" not in str(refused.value)


THROTTLED = NO_DEMAND._replace(throttles=THROTTLES)


def gateway(limits: ThrottleLimits) -> Any:
    return {"GetAccount": {"throttleSettings": {"rateLimit": float(limits.rate), "burstLimit": limits.burst}}}


def test_burst_above_that_of_the_account_stops_the_deploy_and_says_what_fits(calls: Calls) -> None:
    calls.stubs |= gateway(LOWER_LIMITS)
    with pytest.raises(CommandError) as refused:
        require_demand(THROTTLED)
    message = str(refused.value)
    assert "API Gateway allows the account 2,500 requests/s and a burst of 1,250 in us-east-1" in message
    assert "this stage sets up to 2,000 and 2,000" in message
    assert remedy("stageBurstLimit=1250") in message
    assert "--service-code apigateway --quota-code L-8A5B8E43" in message


def test_account_whose_limits_were_raised_is_accepted_in_every_region(calls: Calls) -> None:
    calls.stubs |= gateway(ThrottleLimits(4_000, 2_000))
    require_demand(THROTTLED, region="af-south-1")
    calls.stubs |= gateway(ThrottleLimits(1_500, 2_000))
    with pytest.raises(CommandError, match=remedy("stageRateLimit=1500", "keyRateLimit=1500")):
        require_demand(THROTTLED)
