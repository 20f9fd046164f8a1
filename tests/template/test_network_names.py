"""An existing network, configured by names, which are looked up in an account (here the emulator's), or by ids."""

from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.template.compiled import CompileStage
from tools.kit import local_stack
from tools.kit.packaging import PackagingError, Template
from tools.local.emulator import Emulator

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client


class Account(NamedTuple):
    """Existing network in the emulator's account."""

    environment: dict[str, str]  # with the variables AWS_...
    vpc: str
    subnet_a: str
    subnet_b: str
    group: str


@pytest.fixture(scope="module")
def account(aws: Emulator) -> Account:
    ec2 = aws.client("ec2")
    vpc = _vpc(ec2, "company", "10.1.0.0/16")
    other_vpc = _vpc(ec2, "another", "10.2.0.0/16")
    _subnet(ec2, other_vpc, "private-a", "10.2.0.0/24", "a")  # the same name in another VPC
    for zone, block in (("a", "10.1.2.0/24"), ("b", "10.1.3.0/24")):
        _subnet(ec2, vpc, "twice", block, zone)
    return Account(
        environment={name: value for name, value in aws.environment().items() if name.startswith("AWS_")},
        vpc=vpc,
        subnet_a=_subnet(ec2, vpc, "private-a", "10.1.0.0/24", "a"),
        subnet_b=_subnet(ec2, vpc, "private-b", "10.1.1.0/24", "b"),
        group=ec2.create_security_group(GroupName="functions", Description="Functions", VpcId=vpc)["GroupId"],
    )


def look_up(compile_stage: CompileStage, account: Account, vpc: str, subnets: str, group: str) -> Template:
    parameters = (f"vpcName={vpc}", f"subnetNames={subnets}", f"securityGroupNames={group}")
    return compile_stage("dev", *parameters, **account.environment)


def test_names_are_replaced_by_the_accounts_ids(compile_stage: CompileStage, account: Account) -> None:
    template = look_up(compile_stage, account, "company", "private-a, private-b", "functions")
    for function in template.by_type("AWS::Lambda::Function").values():
        assert function["VpcConfig"] == {
            "SubnetIds": [account.subnet_a, account.subnet_b],
            "SecurityGroupIds": [account.group],
        }
    assert template.properties("DatabaseSubnets")["SubnetIds"] == [account.subnet_a, account.subnet_b]
    group = template.properties("DatabaseSecurityGroup")
    assert group["VpcId"] == account.vpc
    assert [source["SourceSecurityGroupId"] for source in group["SecurityGroupIngress"]] == [account.group]
    assert template.by_type("AWS::EC2::VPC") == {}


@pytest.mark.parametrize(
    ("vpc", "subnets", "group", "message"),
    [
        ("compani", "private-a", "functions", "VPC 'compani': does not exist. Existing: another, company"),
        ("company", "private-c", "functions", "Subnet of company 'private-c': does not exist. Existing: private-a, "),
        ("company", "private-a,private-b", "function", "Security group of company 'function': does not exist"),
        ("company", "private-a,twice", "functions", "Subnet of company 'twice': 2 resources have this name"),
    ],
)
def test_missing_or_ambiguous_name_stops_osls(
    compile_stage: CompileStage, account: Account, vpc: str, subnets: str, group: str, message: str
) -> None:
    with pytest.raises(PackagingError, match=message) as caught:
        look_up(compile_stage, account, vpc, subnets, group)
    assert "network.js:" not in str(caught.value)  # no stack trace around the message


def test_ids_need_no_account(compile_stage: CompileStage) -> None:
    template = compile_stage("prod", "vpcId=vpc-1", "subnetIds=subnet-1,subnet-2", "securityGroupIds=sg-1")
    for function in template.by_type("AWS::Lambda::Function").values():
        assert function["VpcConfig"] == {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
    assert template.properties("DatabaseSubnets")["SubnetIds"] == ["subnet-1", "subnet-2"]
    assert template.properties("DatabaseSecurityGroup")["VpcId"] == "vpc-1"


def _vpc(ec2: "EC2Client", name: str, block: str) -> str:
    vpc = ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "Name", "Value": name}])
    return vpc


def _subnet(ec2: "EC2Client", vpc: str, name: str, block: str, zone: str) -> str:
    zone = f"{local_stack.REGION}{zone}"
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=zone)["Subnet"]["SubnetId"]
    ec2.create_tags(Resources=[subnet], Tags=[{"Key": "Name", "Value": name}])
    return subnet
