"""What a stage takes of the account's quotas, held against them before it is deployed."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from botocore.exceptions import ClientError

from tools.kit import slices
from tools.kit.errors import CommandError
from tools.kit.osls import has_resource
from tools.kit.output import print_status
from tools.kit.target import explain

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

# That stay for functions which reserve nothing. Refusals of small accounts have named 10 and 50 instead.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
_UNRESERVED = 100
_CONCURRENCY = ("lambda", "L-B99A9384")  # concurrent executions: service and code of the quota
_VPCS = ("vpc", "L-F678F1CE")  # in a region


def parameters() -> dict[str, str]:
    """Give the parameters that reserve concurrency, by the function for which they do."""
    return {
        "batidaPonto": "reservedConcurrency",
        "report": "reportConcurrency",
        **{each["name"]: each["reserves"] for each in slices.said("databaseFunctions")},
        **{each["name"]: each["reserves"] for each in slices.said("otherFunctions")},
    }


class Demand(NamedTuple):
    """What a compiled stage takes."""

    reserved: Mapping[str, int]  # concurrency by the function's name
    makes_network: bool


def demand_of(template: Any) -> Demand:
    """Read what a compiled template takes.

    Args:
        template: CloudFormation's, as JSON.
    """
    resources: Mapping[str, Any] = template["Resources"]
    functions = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::Lambda::Function"]
    key = "ReservedConcurrentExecutions"
    return Demand({each["FunctionName"]: int(each[key]) for each in functions if key in each}, "Vpc" in resources)


def require(session: boto3.Session, stack: str, demand: Demand, *, force: bool = False) -> None:
    """Refuse a deploy that would fail, or may, for want of a quota.

    What the caller may not ask is said, and left unchecked.

    Args:
        session: of the account and region.
        stack: the name of the CloudFormation stack.
        demand: what the stage takes.
        force: only say it.

    Raises:
        CommandError: naming each quota that is too low, and how to raise it.
    """
    checks: Mapping[str, Callable[[], Iterator[str]]] = {
        "the concurrency of functions": lambda: _concurrency(session, demand.reserved),
        "the number of networks": lambda: _networks(session, stack) if demand.makes_network else iter(()),
    }
    short = list[str]()
    for what, check in checks.items():
        try:
            short += check()
        except ClientError as error:
            print_status(f"not checked: {what}, for {explain(error)}")
    if short and not force:
        raise CommandError(
            "\n".join([*short, "Nothing was deployed. Deploy again once AWS has raised it; with --force at once."])
        )
    for each in short:
        print_status(*each.splitlines(), "Going on, as --force says.")


def _concurrency(session: boto3.Session, reserved: Mapping[str, int]) -> Iterator[str]:
    functions = session.client("lambda")
    more = sum(wanted - _reserved(functions, name) for name, wanted in reserved.items())
    limit = functions.get_account_settings()["AccountLimit"]
    missing = more + _UNRESERVED - limit["UnreservedConcurrentExecutions"]
    if more > 0 and missing > 0:
        yield (
            f"the account may run {limit['ConcurrentExecutions']} functions at once in {session.region_name}, of which "
            f"{limit['UnreservedConcurrentExecutions']} are not reserved; this stage reserves {more} more.\n"
            f"AWS may refuse: {_UNRESERVED} must stay, as it says, though refusals have named 10 or 50, too.\n"
            f"Deploy without reserving, as long as that is so: {_without(reserved)} (docs/deploy.md#quotas)\n"
            "Ask for more: " + _request(session, _CONCURRENCY, max(limit["ConcurrentExecutions"] + missing, 1_000))
        )


def _without(reserved: Mapping[str, int]) -> str:
    """Give the options of `ponto deploy` with which these functions reserve nothing."""
    functions, named = [name.rpartition("-")[2] for name in reserved], parameters()
    return " ".join(f"--param {named[each]}=none" for each in functions if each in named)


def _reserved(functions: "LambdaClient", name: str) -> int:
    """Give what a function has reserved already; 0 for one that does not exist."""
    try:
        return functions.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions", 0)
    except functions.exceptions.ResourceNotFoundException:
        return 0


def _networks(session: boto3.Session, stack: str) -> Iterator[str]:
    if has_resource(session.client("cloudformation"), stack, "Vpc"):
        return
    pages = session.client("ec2").get_paginator("describe_vpcs").paginate()
    existing = sum(len(page["Vpcs"]) for page in pages)
    service, code = _VPCS
    found = session.client("service-quotas").get_service_quota(ServiceCode=service, QuotaCode=code)
    most = int(found["Quota"]["Value"])
    if existing >= most:
        yield (
            f"the account has {existing} of at most {most} networks (VPCs) in {session.region_name}, and this stage "
            "makes one. Name a network of yours (vpcId, subnetIds, securityGroupIds; docs/deploy.md#the-network).\n"
            f"Or ask for more: {_request(session, _VPCS, existing + 1)}"
        )


def _request(session: boto3.Session, quota: tuple[str, str], value: int) -> str:
    service, code = quota
    return (
        f"aws service-quotas request-service-quota-increase --service-code {service} --quota-code {code} "
        f"--desired-value {value} --region {session.region_name}"
    )
