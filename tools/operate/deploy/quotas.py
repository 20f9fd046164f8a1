"""Comparison of a stage's demand with the account's plan and its quota of concurrent executions, before a deploy."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from tools.kit import slice_manifests, target
from tools.kit.deploy_hook import DeferredResource
from tools.kit.osls import DATABASE_CLUSTER, DRAIN
from tools.kit.stage_parameters import declarations

if TYPE_CHECKING:
    import boto3
    from types_boto3_lambda import LambdaClient

# Executions that must stay unreserved. In small accounts AWS has also named 10 and 50.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
_UNRESERVED = 100
_CONCURRENCY_QUOTA = "L-B99A9384"
_FREE_ACU = 4  # highest capacity of a cluster on the Free plan


class Demand(NamedTuple):
    """Demand of a compiled stage."""

    reserved: Mapping[str, int]  # reserved concurrency by the function's name
    creates_cluster: bool
    is_express: bool = False  # whether its cluster is created outside the stack
    maximum_acu: float = 0  # of the cluster, in or outside the stack
    # NAME=VALUE; they leave out resources that unverified accounts cannot create.
    unverified_parameters: tuple[str, ...] = ()


class Shortage(NamedTuple):
    """A limit of the account that is too low for the stage."""

    text: str
    parameters: tuple[str, ...]  # NAME=VALUE with which the stage fits


UNKNOWN_PLAN = Shortage(
    "The account's plan is unknown. On AWS's Free plan the first deploy of this database would fail after minutes.\n"
    "Sign in as the root user, open Account, IAM user and role access to Billing information, and choose Edit, "
    "Activate IAM Access (docs/deploy.md#the-free-plan). You also need the right freetier:GetAccountPlanState.\n"
    "Or deploy an express cluster, which both plans allow.",
    ("database=express",),
)
"""What prevents the first deploy of a stage with a cluster if the account's plan cannot be read."""


def read_demand(template: Any, deferred_resources: Iterable[DeferredResource] = ()) -> Demand:
    """Return the demand of a compiled template."""
    resources: Mapping[str, Any] = template["Resources"]
    functions = [
        resource["Properties"] for resource in resources.values() if resource["Type"] == "AWS::Lambda::Function"
    ]
    key = "ReservedConcurrentExecutions"
    new_cluster = resources.get(DATABASE_CLUSTER, {}).get("Properties")
    express_cluster = template.get("Metadata", {}).get("ExpressCluster")  # RDS and CloudFormation use the same names
    cluster = new_cluster or express_cluster or {"ServerlessV2ScalingConfiguration": {"MaxCapacity": 0}}
    return Demand(
        reserved={function["FunctionName"]: int(function[key]) for function in functions if key in function},
        creates_cluster=new_cluster is not None,
        is_express=express_cluster is not None,
        maximum_acu=cluster["ServerlessV2ScalingConfiguration"]["MaxCapacity"],
        unverified_parameters=tuple(
            deferred.parameter
            for deferred in deferred_resources
            if resources[deferred.logical_id]["Type"] == "AWS::CloudFront::Distribution"
        ),
    )


def check_plan(session: "boto3.Session", demand: Demand) -> Shortage | None:
    """Return what the account's plan does not allow of a stage that has a cluster; None: it allows all."""
    # botocore sends this to us-east-1 from every region. Some networks do not reach it, so the timeout is short.
    client = session.client("freetier", config=target.config(attempts=2, read_timeout=10))
    try:
        plan = client.get_account_plan_state()["accountPlanType"]
    except ClientError as error:
        if error.response["Error"].get("Code") != "ResourceNotFoundException":
            raise
        return None  # the account has no plan
    limits = [f"maximumAcu={_FREE_ACU}"] if demand.maximum_acu > _FREE_ACU else []
    if plan != "FREE" or not (demand.creates_cluster or limits):
        return None
    if demand.is_express:
        return Shortage(
            f"the account is on AWS's Free plan, which allows a cluster at most {_FREE_ACU} ACU, but maximumAcu is "
            f"{demand.maximum_acu:g}.",
            tuple(limits),
        )
    return Shortage(
        "the account is on AWS's Free plan, which allows Aurora only in its express configuration. This deploy would "
        "fail after minutes with FreeTierRestrictionError.\n"
        "Deploy an express cluster, without a network, within the limits of the plan (docs/deploy.md#the-free-plan).\n"
        "Or upgrade the plan: aws freetier upgrade-account-plan --account-plan-type PAID (or Billing and Cost "
        "Management in the console). AWS then bills what credits do not cover.\n"
        "Or deploy with an existing PostgreSQL (database: existing; docs/deploy.md#the-database).",
        ("database=express", *limits, *demand.unverified_parameters),
    )


def check_concurrency(session: "boto3.Session", reserved: Mapping[str, int]) -> Shortage | None:
    """Return whether the account's quota is too low for a stage's reserved concurrency; None: it suffices."""
    functions = session.client("lambda")
    more = sum(wanted - _reserved(functions, name) for name, wanted in reserved.items())
    limit = functions.get_account_settings()["AccountLimit"]
    missing = more + _UNRESERVED - limit["UnreservedConcurrentExecutions"]
    if more <= 0 or missing <= 0:
        return None
    return Shortage(
        f"the account may run {limit['ConcurrentExecutions']} functions at once in {session.region_name}, of which "
        f"{limit['UnreservedConcurrentExecutions']} are not reserved; this stage reserves {more} more.\n"
        f"AWS may refuse that: by its documentation {_UNRESERVED} must stay unreserved.\n"
        "Until the quota is raised, deploy without reservations (docs/deploy.md#quotas).\n"
        "Request an increase: aws service-quotas request-service-quota-increase --service-code lambda --quota-code "
        f"{_CONCURRENCY_QUOTA} --desired-value {max(limit['ConcurrentExecutions'] + missing, 1_000)} --region "
        f"{session.region_name}",
        tuple(_unreserved(reserved)),
    )


def _unreserved(reserved: Mapping[str, int]) -> list[str]:
    """Return the parameters, NAME=VALUE, with which these functions reserve no concurrency."""
    named = {
        DRAIN: "drainConcurrency",
        "read": "readConcurrency",
        **{name: f"{name}Concurrency" for name, _ in slice_manifests.endpoints()},
        **{declaration["reserves"]: name for name, declaration in declarations().items() if "reserves" in declaration},
    }
    functions = [name.rpartition("-")[2] for name in reserved]
    return [f"{named[name]}=none" for name in functions if name in named]


def _reserved(functions: "LambdaClient", name: str) -> int:
    """Return the reserved concurrency of a deployed function; 0 if it does not exist."""
    try:
        return functions.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions", 0)
    except functions.exceptions.ResourceNotFoundException:
        return 0
