"""Demand of a stage, compared with the account's plan and quotas before it is deployed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from tools.deploy import zones
from tools.kit import slices, target
from tools.kit.deploy_hook import SecondUpdate
from tools.kit.errors import CommandError
from tools.kit.gateway_limits import ThrottleLimits
from tools.kit.osls import DATABASE_CLUSTER, has_resource
from tools.kit.output import print_status
from tools.kit.parameters import declarations
from tools.kit.target import explain

if TYPE_CHECKING:
    import boto3
    from types_boto3_lambda import LambdaClient

# That stay for functions which reserve nothing. Refusals of small accounts have named 10 and 50 instead.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
_UNRESERVED = 100
_CONCURRENCY = ("lambda", "L-B99A9384")  # concurrent executions: service and code of the quota
_VPCS = ("vpc", "L-F678F1CE")  # in a region
_REQUESTS = ("apigateway", "L-8A5B8E43")  # requests/s of an account; no quota sets the burst, which AWS derives from it
_FREE_ACU = 4  # of a cluster, on the Free plan


class Demand(NamedTuple):
    """Demand of a compiled stage."""

    reserved: Mapping[str, int]  # concurrency by the function's name
    creates_network: bool
    creates_cluster: bool
    is_express: bool = False  # its cluster is made outside the stack
    maximum_acu: float = 0  # of either cluster
    backup_days: int = 0
    unverified_parameters: tuple[
        str, ...
    ] = ()  # parameters without what only an account that AWS has verified may have
    network: zones.Network | None = None
    throttles: Mapping[str, ThrottleLimits] = {}  # by the parameters' prefix: `stage`, `key`


class Shortage(NamedTuple):
    """Shortage of the account."""

    text: str  # for people
    parameters: tuple[str, ...] = ()  # parameters, `name=value`, with which a deploy needs no more than there is


def read_demand(template: Any, second_updates: Iterable[SecondUpdate] = ()) -> Demand:
    """Read what a compiled template takes, and what its first update leaves out."""
    resources: Mapping[str, Any] = template["Resources"]
    functions = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::Lambda::Function"]
    key = "ReservedConcurrentExecutions"
    made = resources.get(DATABASE_CLUSTER, {}).get("Properties")
    outside = template.get("Metadata", {}).get("ExpressCluster")  # by the names that RDS has for it, too
    cluster = made or outside or {"ServerlessV2ScalingConfiguration": {"MaxCapacity": 0}, "BackupRetentionPeriod": 0}
    return Demand(
        reserved={each["FunctionName"]: int(each[key]) for each in functions if key in each},
        creates_network="Vpc" in resources,
        creates_cluster=made is not None,
        is_express=outside is not None,
        maximum_acu=cluster["ServerlessV2ScalingConfiguration"]["MaxCapacity"],
        backup_days=cluster["BackupRetentionPeriod"],
        network=zones.read_network(resources),
        throttles=_throttles(resources),
        unverified_parameters=tuple(
            each.parameter
            for each in second_updates
            if resources[each.resource]["Type"] == "AWS::CloudFront::Distribution"
        ),
    )


def _throttles(resources: Mapping[str, Any]) -> dict[str, ThrottleLimits]:
    """Return the highest limits of the gateway's stage and of its key."""
    settings = [
        (each["ThrottlingRateLimit"], each["ThrottlingBurstLimit"])
        for each in resources.get("ApiStage", {}).get("Properties", {}).get("MethodSettings", [])
    ]
    limits = {"stage": ThrottleLimits(*map(max, zip(*settings, strict=True)))} if settings else {}
    if plan := resources.get("UsagePlan"):
        throttle = plan["Properties"]["Throttle"]
        limits["key"] = ThrottleLimits(throttle["RateLimit"], throttle["BurstLimit"])
    return limits


def require(
    session: "boto3.Session", stack: str, demand: Demand, deploy_command: Callable[..., str], *, force: bool = False
) -> None:
    """Refuse a deploy that would fail, or may, for the account's plan or for want of a quota.

    What the caller may not ask is said, and left unchecked.

    Args:
        deploy_command: gives the command that deploys with other parameters, `name=value`.
        force: only say it.

    Raises:
        CommandError: naming the plan, and each quota that is too low, and how to raise it.
    """
    checks: dict[str, Callable[[], Iterator[Shortage]]] = {}
    if demand.creates_cluster or demand.is_express:
        checks["the account's plan"] = lambda: _plan(session, demand, deploy_command)
    checks["the concurrency of functions"] = lambda: _concurrency(session, demand.reserved)
    if demand.creates_network:
        checks["the number of networks"] = lambda: _networks(session, stack)
    if network := demand.network:
        checks["the network's zones"] = lambda: _zones(session, stack, network)
    if demand.throttles:
        checks["the gateway's limits"] = lambda: _gateway(session, demand.throttles)
    short = list[Shortage]()
    for what, check in checks.items():
        try:
            short += check()
        except (BotoCoreError, ClientError) as error:
            print_status(f"not checked: {what}, for {explain(error)}")
    if short and not force:
        changed = dict.fromkeys(change for each in short for change in each.parameters)
        now = (
            [f"With what the account gives:\n{deploy_command(*changed)}"]
            if all(each.parameters for each in short)
            else []
        )
        end = "Nothing was deployed. Deploy again once that has changed; with --force at once."
        raise CommandError("\n".join([*(each.text for each in short), *now, end]))
    for each in short:
        print_status(*each.text.splitlines(), "Going on, as --force says.")


def _plan(session: "boto3.Session", demand: Demand, deploy_command: Callable[..., str]) -> Iterator[Shortage]:
    # Of a few regions only, which botocore knows. Where it cannot be reached, nobody waits for it.
    client = session.client("freetier", config=target.config(attempts=2, read_timeout=10))
    try:
        plan = client.get_account_plan_state()["accountPlanType"]
    except ClientError as error:
        if error.response["Error"].get("Code") != "ResourceNotFoundException":
            raise
        return  # it has none
    if plan == "FREE":
        yield from _check_express(demand) if demand.is_express else _require_express(demand, deploy_command)


def _require_express(demand: Demand, deploy_command: Callable[..., str]) -> Iterator[Shortage]:
    changed = ["database=express", *_unreserved(demand.reserved), *demand.unverified_parameters]
    if demand.maximum_acu > _FREE_ACU:
        changed.append(f"maximumAcu={_FREE_ACU}")
    yield Shortage(
        "the account is on AWS's Free plan, which admits Aurora in its express configuration only: after minutes this "
        "deploy would end with FreeTierRestrictionError.\n"
        "Deploy with that, outside of any network, with no more than the plan gives (docs/deploy.md#the-free-plan):\n"
        f"{deploy_command(*changed)}\n"
        "Or upgrade the plan: aws freetier upgrade-account-plan --account-plan-type PAID (or Billing and Cost "
        "Management in the console). From then on AWS bills what its credits do not cover.\n"
        "Or deploy with a PostgreSQL of yours (database: existing; docs/deploy.md#the-database)."
    )


def _check_express(demand: Demand) -> Iterator[Shortage]:
    if demand.maximum_acu > _FREE_ACU:
        yield Shortage(
            f"the account is on AWS's Free plan, which gives a cluster {_FREE_ACU} ACU at most, and maximumAcu is "
            f"{demand.maximum_acu:g}. Deploy with --param maximumAcu={_FREE_ACU}.",
            (f"maximumAcu={_FREE_ACU}",),
        )
    if demand.backup_days > 1:
        print_status(
            f"the account is on AWS's Free plan, which keeps backups of one day: backupDays ({demand.backup_days}) may "
            "be refused, which is said, and changes nothing else"
        )
    if demand.unverified_parameters:
        print_status(
            "AWS gives CloudFront to accounts that it has verified, and the Free plan's often are not: where it "
            f"refuses, ask its support, and deploy with {_as_options(demand.unverified_parameters)}"
        )


def _concurrency(session: "boto3.Session", reserved: Mapping[str, int]) -> Iterator[Shortage]:
    functions = session.client("lambda")
    more = sum(wanted - _reserved(functions, name) for name, wanted in reserved.items())
    limit = functions.get_account_settings()["AccountLimit"]
    missing = more + _UNRESERVED - limit["UnreservedConcurrentExecutions"]
    if more > 0 and missing > 0:
        yield Shortage(
            f"the account may run {limit['ConcurrentExecutions']} functions at once in {session.region_name}, of which "
            f"{limit['UnreservedConcurrentExecutions']} are not reserved; this stage reserves {more} more.\n"
            f"AWS may refuse: {_UNRESERVED} must stay, as it says, though refusals have named 10 or 50, too.\n"
            f"Deploy without reserving, as long as that is so: {_as_options(_unreserved(reserved))} "
            "(docs/deploy.md#quotas)\n"
            "Ask for more: " + _request(session, _CONCURRENCY, max(limit["ConcurrentExecutions"] + missing, 1_000)),
            tuple(_unreserved(reserved)),
        )


def _unreserved(reserved: Mapping[str, int]) -> list[str]:
    """Return the parameters with which these functions reserve nothing."""
    named = {
        "batidaPonto": "reservedConcurrency",
        "read": "readConcurrency",
        **{name: f"{name}Concurrency" for name, _ in slices.endpoints()},
        **{each["reserves"]: name for name, each in declarations().items() if "reserves" in each},
    }
    functions = [name.rpartition("-")[2] for name in reserved]
    return [f"{named[each]}=none" for each in functions if each in named]


def _as_options(parameters: Iterable[str]) -> str:
    return " ".join(f"--param {each}" for each in parameters)


def _reserved(functions: "LambdaClient", name: str) -> int:
    """Return what a function has reserved already; 0 for one that does not exist."""
    try:
        return functions.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions", 0)
    except functions.exceptions.ResourceNotFoundException:
        return 0


def _networks(session: "boto3.Session", stack: str) -> Iterator[Shortage]:
    if has_resource(session.client("cloudformation"), stack, "Vpc"):
        return
    pages = session.client("ec2").get_paginator("describe_vpcs").paginate()
    existing = sum(len(page["Vpcs"]) for page in pages)
    service, code = _VPCS
    found = session.client("service-quotas").get_service_quota(ServiceCode=service, QuotaCode=code)
    most = int(found["Quota"]["Value"])
    if existing >= most:
        yield Shortage(
            f"the account has {existing} of at most {most} networks (VPCs) in {session.region_name}, and this stage "
            "makes one. Name a network of yours (vpcId, subnetIds, securityGroupIds; docs/deploy.md#the-network).\n"
            f"Or ask for more: {_request(session, _VPCS, existing + 1)}"
        )


def _zones(session: "boto3.Session", stack: str, network: zones.Network) -> Iterator[Shortage]:
    if has_resource(session.client("cloudformation"), stack, "Vpc"):
        return  # its zones are fixed
    if (problem := zones.find_problem(session, network)) is None:
        return
    lacks, suitable = problem
    text = f"the network that this stage makes cannot lie in its zones: {lacks}."
    if suitable is None:
        yield Shortage(
            f"{text} No two zones of {session.region_name} offer all that it needs. Deploy to another region, or name "
            "a network of yours (vpcId, subnetIds, securityGroupIds; docs/deploy.md#the-network)."
        )
        return
    named = ",".join(suitable)
    yield Shortage(
        f"{text}\nWrite `zones: {named}` under the stage in resources/parameters.yml: each later deploy needs it too.",
        (f"zones={named}",),
    )


def _gateway(session: "boto3.Session", throttles: Mapping[str, ThrottleLimits]) -> Iterator[Shortage]:
    # Not from Service Quotas: it was seen to answer 10,000 and 5,000 where the gateway allowed 2,500 and 1,250.
    # https://repost.aws/questions/QU47u_cBTCQcy2qTmoR6q91w/api-gateway-throttling-discrepancy
    settings = session.client("apigateway").get_account()["throttleSettings"]
    account = ThrottleLimits(settings["rateLimit"], settings["burstLimit"])
    changed = [
        f"{name}{kind.capitalize()}Limit={getattr(account, kind):g}"
        for name, limits in throttles.items()
        for kind in ThrottleLimits._fields
        if getattr(limits, kind) > getattr(account, kind)
    ]
    if not changed:
        return
    highest = ThrottleLimits(*map(max, zip(*throttles.values(), strict=True)))
    yield Shortage(
        f"API Gateway allows the account {account.rate:,g} requests/s and a burst of {account.burst:,} in "
        f"{session.region_name}; this stage sets up to {highest.rate:,g} and {highest.burst:,}.\n"
        f"Deploy with what it allows: {_as_options(changed)} (and lower the other ...RateLimit and ...BurstLimit "
        "that you set)\n"
        f"Or ask for more requests/s, from which AWS derives the burst: {_request(session, _REQUESTS, 10_000)}",
        tuple(changed),
    )


def _request(session: "boto3.Session", quota: tuple[str, str], value: int) -> str:
    service, code = quota
    return (
        f"aws service-quotas request-service-quota-increase --service-code {service} --quota-code {code} "
        f"--desired-value {value} --region {session.region_name}"
    )
