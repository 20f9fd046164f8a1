"""Check of the availability zones of a stage's new network against what the stage needs in them."""

from collections.abc import Mapping
from itertools import permutations
from typing import TYPE_CHECKING, Any, NamedTuple

from tools.kit.osls import DATABASE_CLUSTER

if TYPE_CHECKING:
    import boto3

# Lambda refuses subnets in these zones: "The provided subnets contain availability zone Lambda doesn't support." No AWS
# API lists them; this one is known from public reports. Lambda may refuse others too.
ZONE_IDS_WITHOUT_LAMBDA = {"use1-az3"}


class Network(NamedTuple):
    """Network that a template creates."""

    zones: tuple[str, ...]  # names of the zones of its subnets; empty: the region's first two
    engine_version: str  # version of the Aurora cluster in it; empty: there is none
    endpoint_services: tuple[str, ...]  # names of the services of its VPC endpoints, with {region}
    endpoint_zones: int  # number of zones, from the first on, that have the endpoints


def read_network(resources: Mapping[str, Any]) -> Network | None:
    """Return the network that a template creates; None if it creates none."""
    if "Vpc" not in resources:
        return None
    subnets = [resource["Properties"] for resource in resources.values() if resource["Type"] == "AWS::EC2::Subnet"]
    zones = [subnet["AvailabilityZone"] for subnet in subnets if isinstance(subnet.get("AvailabilityZone"), str)]
    endpoints = [
        resource["Properties"] for resource in resources.values() if resource["Type"] == "AWS::EC2::VPCEndpoint"
    ]
    return Network(
        tuple(zones),
        resources.get(DATABASE_CLUSTER, {}).get("Properties", {}).get("EngineVersion", ""),
        tuple(endpoint["ServiceName"]["Fn::Sub"].replace("${AWS::Region}", "{region}") for endpoint in endpoints),
        max((len(endpoint["SubnetIds"]) for endpoint in endpoints), default=0),
    )


def find_problem(session: "boto3.Session", network: Network) -> tuple[str, tuple[str, str] | None] | None:
    """Return what a network's zones lack, and two suitable zones if there are any; None if the zones lack nothing."""
    ec2 = session.client("ec2")
    response = ec2.describe_availability_zones(Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}])
    ids = {zone["ZoneName"]: zone["ZoneId"] for zone in response["AvailabilityZones"] if zone["State"] == "available"}
    # Zones by what they offer: what both zones need, and what only zones with endpoints need.
    everywhere = {"AWS Lambda": {name for name, zone_id in ids.items() if zone_id not in ZONE_IDS_WITHOUT_LAMBDA}}
    if network.engine_version:
        everywhere[f"db.serverless for Aurora PostgreSQL {network.engine_version}"] = _zones_with_aurora(
            session, network
        )
    services = [name.format(region=session.region_name) for name in network.endpoint_services]
    details = ec2.describe_vpc_endpoint_services(ServiceNames=services)["ServiceDetails"] if services else []
    at_endpoints = {f"endpoints of {service['ServiceName']}": set(service["AvailabilityZones"]) for service in details}

    def lacking(zone: str, index: int) -> list[str]:
        needed = everywhere | (at_endpoints if index < network.endpoint_zones else {})
        return [name for name, zones in needed.items() if zone not in zones]

    chosen = network.zones or _default_zones(ec2, ids)
    lines = [
        f"{zone} ({ids.get(zone, 'not a zone of this account')}) does not offer {', '.join(missing)}"
        for index, zone in enumerate(chosen)
        if (missing := lacking(zone, index))
    ]
    if not lines:
        return None
    pairs = permutations(sorted(ids), 2)
    return "; ".join(lines), next((pair for pair in pairs if not lacking(pair[0], 0) + lacking(pair[1], 1)), None)


def _zones_with_aurora(session: "boto3.Session", network: Network) -> set[str]:
    pages = (
        session.client("rds")
        .get_paginator("describe_orderable_db_instance_options")
        .paginate(Engine="aurora-postgresql", EngineVersion=network.engine_version, DBInstanceClass="db.serverless")
    )
    return set(pages.search("OrderableDBInstanceOptions[].AvailabilityZones[].Name"))


def _default_zones(ec2: Any, ids: Mapping[str, str]) -> list[str]:
    """Return the zones that the template uses by default.

    Fn::GetAZs returns the zones that have a default subnet, or all of them if none has one.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getavailabilityzones.html
    """
    filters = [{"Name": "default-for-az", "Values": ["true"]}]
    pages = ec2.get_paginator("describe_subnets").paginate(Filters=filters)
    with_default = ids.keys() & pages.search("Subnets[].AvailabilityZone")
    return sorted(with_default or ids)[:2]
